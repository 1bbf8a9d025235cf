"""The demo's untrained encoders, through the libraries that will load them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.demo.corpus import script
from pipeline.demo.models import BERT_DIM, WORD_DIM, make_models
from pipeline.demo.sentences import sentences
from pipeline.demo.vocabulary import words


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "demo"
    make_models(out)
    return out


def test_two_builds_of_the_models_have_the_same_bytes(models: Path, tmp_path: Path) -> None:
    make_models(tmp_path / "again")
    assert content(tmp_path / "again") == content(models)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_spacy_loads_vectors_of_every_token(models: Path, language: str) -> None:
    import spacy

    model = spacy.load(models / f"words-{language}")
    tokens = {token.lower_ for text in sentences(language) for token in model.make_doc(text)}
    vectors = model.vocab.vectors
    rows = vectors.find(keys=sorted(tokens))
    assert rows.min() >= 0
    assert vectors.shape == (len(words(language)), WORD_DIM)
    alike = np.corrcoef(vectors.data) - np.eye(len(vectors.data))
    assert np.abs(alike).max() < 0.35  # five standard deviations: different words are unrelated


def test_transformers_loads_a_bert_that_knows_every_word(models: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models / "bert", local_files_only=True)
    model = AutoModel.from_pretrained(models / "bert", local_files_only=True).eval()
    assert model.config.hidden_size == BERT_DIM
    for language in ("en", "zh"):
        ids = tokenizer(sentences(language))["input_ids"]
        assert tokenizer.unk_token_id not in {i for row in ids for i in row}
        assert all("##" not in t for row in ids for t in tokenizer.convert_ids_to_tokens(row))
    with torch.no_grad():
        states = model(**tokenizer("这计划 unheard-of: 42", return_tensors="pt"))[0]
    assert torch.isfinite(states).all()


def test_the_first_state_of_the_untrained_bert_hears_the_words(models: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    lines = script()[::2]  # each text once
    x = StandardScaler().fit_transform(_first_states(models, [line.speech.text for line in lines]))
    y = np.array([line.label in ("happy", "neutral") for line in lines])
    train = np.array([line.speaker.split == "train" for line in lines])
    test = np.array([line.speaker.split == "test" for line in lines])
    probe = LogisticRegression(max_iter=1000).fit(x[train], y[train])
    assert probe.score(x[test], y[test]) > 0.95


def _first_states(models: Path, texts: list[str]) -> NDArray[np.float32]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(models / "bert", local_files_only=True)
    model = AutoModel.from_pretrained(models / "bert", local_files_only=True).eval()
    with torch.no_grad():
        states = (model(**tokenizer(text, return_tensors="pt"))[0][0, 0] for text in texts)
        return np.stack([state.numpy() for state in states])

"""An export holds what the store holds, as the other tool itself reads it."""

import json
from contextlib import chdir
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline import layout, stages
from pipeline.adding import Addition, add
from pipeline.catalog import CatalogError
from pipeline.corpus import Corpus
from pipeline.demo.models import make_models
from pipeline.exports.content import ExportError, Request, arrays
from pipeline.exports.exporting import export
from pipeline.imports.importing import Request as Import
from pipeline.imports.importing import run
from pipeline.imports.items import Options
from pipeline.label_tables import TABLES
from pipeline.params import load
from tests.pipeline.corpora.trees import TREES
from tests.projects import Project, add_corpus, make_project

FEATURES = ("mel", "words", "bert_mean")
SAME = (
    *("audio_key", "speaker", "gender", "label", "soft_label", "agreement", "transcript", "words"),
    *("sentence", "session", "turn", "arousal", "valence", "dominance", "split"),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Six utterances in three official parts, with their features."""
    made = make_project(tmp_path_factory.mktemp("export") / "project")
    add_corpus(made, "c", 6)
    table = made.root / "data" / "raw" / "c" / "metadata.csv"
    head, *lines = table.read_text().splitlines()
    parts = ("train", "train", "val", "val", "test", "test")
    votes = '"{""r1"": ""sad"", ""r2"": ""angry""}"'
    lines = [f"{line},{part},{votes}" for line, part in zip(lines, parts, strict=True)]
    table.write_text("\n".join([f"{head},split,votes", *lines]) + "\n")
    make_models(made.root / "data" / "models" / "demo")
    with chdir(made.root):
        corpus = Corpus.named("c", load())
        stages.run_manifest(corpus, workers=1)
        for stage in ("asr", "augment", "mel", "words", "bert"):
            stages.run(stage, corpus, workers=1)
    return made


@pytest.fixture
def corpus(project: Project, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    monkeypatch.chdir(project.root)
    return Corpus.named("c", load())


def asked(*features: str, copy: bool = False) -> Request:
    return Request(features, "reference", copy)


def test_arrays_have_the_shapes_of_the_store(corpus: Corpus) -> None:
    found = {name: dict(arrays(corpus, name, "reference")) for name in FEATURES}
    assert [len(arrays_) for arrays_ in found.values()] == [6, 6, 6]
    mel, words = found["mel"]["c/0000"], found["words"]["c/0000"]
    assert (mel.dtype, mel.shape[1], words.ndim) == (np.float16, 80, 2)
    assert found["bert_mean"]["c/0000"].ndim == 1


def test_csv_and_npy_can_be_read_back_as_a_corpus(
    project: Project, corpus: Corpus, tmp_path: Path
) -> None:
    done = project.vcemo(
        *("corpus", "export", "c", "csv", str(tmp_path / "out")),
        *("--feature", "mel", "--feature", "bert_mean", "--copy"),
    )
    assert "out: written" in done.stdout
    mel = dict(arrays(corpus, "mel", "reference"))
    assert np.array_equal(np.load(tmp_path / "out" / "mel" / "0003.npy"), mel["c/0003"])
    assert (tmp_path / "out" / "bert_mean" / "0003.npy").exists()
    project.vcemo("corpus", "add", "again", str(tmp_path / "out"))
    own, back = (
        pq.read_table(project.root / "data" / "manifest" / f"{n}.parquet") for n in ("c", "again")
    )
    for column in ("audio_key", "speaker", "label", "transcript", "split", "votes", "agreement"):
        assert back[column].to_pylist() == own[column].to_pylist(), column


def test_datasets_reads_its_own(corpus: Corpus, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra datasets is not installed")
    export(corpus, "huggingface", asked(*FEATURES, copy=True), tmp_path / "out")
    found = datasets.load_from_disk(tmp_path / "out")
    assert {name: len(part) for name, part in found.items()} == {
        "train": 2,
        "validation": 2,
        "test": 2,
    }
    assert isinstance(found["test"].features["audio"], datasets.Audio)
    row = found["validation"].cast_column("audio", datasets.Audio(decode=False))[0]
    assert (row["utt_id"], row["label"]) == ("c/0002", "neutral")
    assert row["audio"]["bytes"] == (corpus.root / "0002.wav").read_bytes()
    assert row["soft_label"] == [{"name": "angry", "value": 0.5}, {"name": "sad", "value": 0.5}]
    for name in FEATURES:
        expected = dict(arrays(corpus, name, "reference"))["c/0002"]
        assert np.array_equal(np.array(row[name], expected.dtype), expected)


@pytest.mark.parametrize("reader", ["iemocap", "msp_podcast"])
@pytest.mark.parametrize("form", ["csv", "huggingface"])
def test_a_corpus_with_words_and_with_votes_in_its_own_names_comes_back(
    reader: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "huggingface":
        pytest.importorskip("datasets", reason="the extra datasets is not installed")
    monkeypatch.chdir(make_project(tmp_path / "project").root)
    (tmp_path / "corpus").mkdir()
    TREES[reader][0](tmp_path / "corpus")
    add(Addition("own", tmp_path / "corpus", reader), workers=1)
    export(Corpus.named("own", load()), form, asked(), tmp_path / "out")
    if form == "csv":
        add(Addition("back", tmp_path / "out"), workers=1)
    else:  # which keeps the raters' answers as they are
        names = {raw: name for raw, name in TABLES[reader].items() if isinstance(name, str)}
        run(Import(form, tmp_path / "out", "back", Options(), names))
        stages.run_manifest(Corpus.named("back", load()), workers=1)
    own, back = (
        pq.read_table(layout.manifest(name)).sort_by("audio_key") for name in ("own", "back")
    )
    for column in SAME:
        assert back[column].to_pylist() == own[column].to_pylist(), column


def test_audformat_reads_its_own(corpus: Corpus, tmp_path: Path) -> None:
    audformat = pytest.importorskip("audformat", reason="the extra audformat is not installed")
    export(corpus, "audformat", asked("mel"), tmp_path / "out")
    db = audformat.Database.load(str(tmp_path / "out"))
    assert list(db.tables) == ["utterances.dev", "utterances.test", "utterances.train"]
    assert (db.languages, sorted(db.raters)) == (["eng"], ["r1", "r2"])
    table = db["utterances.test"]
    assert db.splits[table.split_id].type == "test"
    first = table.df.iloc[0]
    assert (first["emotion"], first["speaker"], first["vote.r1"]) == ("angry", "s1", "sad")
    file = table.df.index[0]
    assert (tmp_path / "out" / file).read_bytes() == (corpus.root / "0004.wav").read_bytes()
    mel = dict(arrays(corpus, "mel", "reference"))["c/0004"]
    assert np.array_equal(np.load(tmp_path / "out" / first["mel"]), mel)


def test_what_cannot_be_exported_is_told_and_leaves_nothing(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="format: found 'zip', expected one of csv"):
        export(corpus, "zip", asked(), tmp_path / "out")
    with pytest.raises(ExportError, match="feature: found 'spectra', expected one of mel"):
        asked("spectra")
    entry = Path("data/catalog/c/mel.json")
    kept = entry.read_bytes()
    entry.unlink()
    with pytest.raises(CatalogError, match="dvc repro mel@c"):
        export(corpus, "csv", asked("mel"), tmp_path / "out")
    entry.write_bytes(kept)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(ExportError, match="is there already"):
        export(corpus, "csv", asked(), tmp_path / "out")
    assert json.loads(kept)["rows"] > 0

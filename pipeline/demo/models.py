"""Tiny text encoders in the real formats, untrained: numbers drawn from names, the same anywhere.

They know the words of the demo corpus, and nothing of what they mean: two words are as far apart as
any other two.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.demo import named_numbers
from pipeline.demo.vocabulary import word_pieces, words
from pipeline.files import appearing_folder

WORD_DIM = 300
_WORD_STD = 0.4  # about that of GloVe

BERT_DIM = 192
_BERT_LAYERS = 2
_BERT_HEADS = 4

_README = """\
# The demo's text encoders

**Untrained.** The word vectors and the weights of this BERT are random numbers drawn from names.
They have the formats of the real models, so that the whole pipeline runs without a network, and
know the words of the demo corpus alone. Do not use them for anything else.

* `words-en`, `words-zh`: spaCy pipelines with 300-d vectors; load with `spacy.load`
* `bert`: a BERT with 192-d states and 2 layers; load with `transformers.AutoModel.from_pretrained`
"""


def make_models(out: Path) -> None:
    """Write `words-en/`, `words-zh/`, `bert/` and `README.md`, the same bytes on every build."""
    with appearing_folder(out) as folder:
        for language in ("en", "zh"):
            write_words(folder / f"words-{language}", language)
        write_bert(folder / "bert")
        (folder / "README.md").write_text(_README, encoding="utf-8")


def write_words(folder: Path, language: str) -> None:
    """Write a spaCy directory with a 300-d vector for each word of a language."""
    import spacy
    from spacy.vectors import Vectors

    known = words(language)
    data = np.stack(
        [named_numbers.uniform(f"{language}/{word}", (WORD_DIM,), _WORD_STD) for word in known]
    )
    model = spacy.blank(language)
    for word in known:
        model.vocab.strings.add(word)
    model.vocab.vectors = Vectors(strings=model.vocab.strings, data=data, keys=known)
    model.meta["name"] = "demo_untrained"
    model.meta["description"] = "Random vectors for the words of the demo corpus; untrained"
    model.meta["sources"] = [{"name": "random numbers drawn from the words; untrained"}]
    model.to_disk(folder)


def write_bert(folder: Path) -> None:
    """Write a tiny BERT directory: `vocab.txt`, `tokenizer_config.json`, config and weights."""
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    pieces = word_pieces()
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=BERT_DIM,
        num_hidden_layers=_BERT_LAYERS,
        num_attention_heads=_BERT_HEADS,
        intermediate_size=2 * BERT_DIM,
        max_position_embeddings=512,
    )
    model = BertModel(config)
    _fill(model)
    model.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # it comes out unreadable to others
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    tokenizer = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2) + "\n", "utf-8")


def _fill(model: Any) -> None:
    """Give every weight matrix random values; norms and biases keep their ones and zeros.

    With BERT's own start (0.02) an untrained first token hardly hears the others. Here attention is
    near to a plain average and its output as large as what it is added to, so that both the first
    state and the mean of all are random images of the bag of words.
    """
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2:
                std = _std(name, weight.shape[1])
                values = named_numbers.uniform(f"bert/{name}", tuple(weight.shape), std)
                weight.copy_(torch.from_numpy(values))
        model.get_input_embeddings().weight[model.config.pad_token_id].zero_()


def _std(name: str, fan_in: int) -> float:
    """The standard deviation of a weight matrix by its name; gain 1 keeps the size of its input."""
    if "position_embeddings" in name or "token_type_embeddings" in name:
        return 0.1  # a word is nearly the same wherever it stands
    if "word_embeddings" in name:
        return 1.0
    gains = {"query": 0.3, "key": 0.3, "value": 2.0, "attention.output": 1.0, "output": 0.3}
    gain = next((gain for part, gain in gains.items() if part in name), 1.0)
    return float(gain / fan_in**0.5)

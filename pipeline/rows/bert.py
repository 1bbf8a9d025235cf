"""BERT vectors: an utterance x text source."""

import functools
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from features.bert import BertFeatures, BertParams, TextEncoder
from pipeline.corpus import Corpus
from pipeline.encoders import Encoder
from pipeline.keys import recipe_key
from pipeline.rows import text
from pipeline.shards import Compute

VERSION = 2
_VECTOR = pa.list_(pa.field("element", pa.float32(), nullable=False))
PAYLOAD = pa.schema(
    [
        pa.field("first", _VECTOR, nullable=False),  # last layer, first token
        pa.field("mean", _VECTOR, nullable=False),  # last layer, mean over the tokens
        pa.field("n_tokens", pa.int32(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field(  # last layer, flat, token after token; null unless `bert.tokens`
            "token_states", pa.list_(pa.field("element", pa.float16(), nullable=False))
        ),
    ]
)


def wanted(corpus: Corpus) -> pa.Table:
    """A row for each transcript."""
    serving = encoders(corpus)
    reading = asdict(corpus.params.bert)
    for name in ("models", "allow_pickle"):  # which weights they are, the revision tells
        del reading[name]
    return text.wanted(
        corpus, lambda language: recipe_key("bert", VERSION, reading, serving[language].revision)
    )


def inputs(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """Text and language of each row."""
    return text.inputs(corpus, rows)


def compute(corpus: Corpus, inputs: pa.Table) -> Compute:
    """How the payload of some rows is made."""
    return _Bert(corpus.params.bert, text.serving(encoders(corpus), inputs))


def encoders(corpus: Corpus) -> text.Encoders:
    """The BERT of each language of the corpus."""
    return text.encoders(corpus, "bert", corpus.params.bert.models)


def provenance(corpus: Corpus) -> dict[str, Any]:
    """The model of each language: name, revision."""
    return {str(lang): text.described(used) for lang, used in encoders(corpus).items()}


@dataclass(frozen=True)
class _Bert:
    params: BertParams
    encoders: text.Encoders  # of the languages of all rows

    def __call__(self, inputs: pa.Table) -> pa.Table:
        from features.bert import embed

        models = self._models()
        texts, languages = inputs["text"].to_pylist(), inputs["language"].to_pylist()
        rows: list[dict[str, object]] = [{}] * len(texts)
        for language in dict.fromkeys(languages):
            here = [i for i, found in enumerate(languages) if found == language]
            made = embed([texts[i] for i in here], models[language], self.params)
            for place, i in enumerate(here):
                rows[i] = _row(made, place)
        return pa.Table.from_pylist(rows, schema=PAYLOAD)

    def _models(self) -> dict[str | None, TextEncoder]:
        """All that the run needs, loaded once in a process: a broken one stops it before any row.

        Raises:
            ValueError: one of them cannot be loaded, or cannot take texts so long.
        """
        from features.bert import check_max_tokens

        models = {
            language: _loaded(used, self.params.dtype, self.params.allow_pickle)
            for language, used in self.encoders.items()
        }
        for model in models.values():
            check_max_tokens(model, self.params.max_tokens)
        return models


@functools.cache
def _loaded(used: Encoder, dtype: str, allow_pickle: bool) -> TextEncoder:
    """By its content: a model that was exchanged in its place is another."""
    from features.bert import load

    return load(used.path, dtype, allow_pickle=allow_pickle)


def _row(made: BertFeatures, place: int) -> dict[str, object]:
    row: dict[str, object] = {
        name: getattr(made, name)[place] for name in ("first", "mean", "n_tokens", "truncated")
    }
    states = made.token_states
    return row | {"token_states": None if states is None else states[place].ravel()}

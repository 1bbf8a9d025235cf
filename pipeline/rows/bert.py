"""BERT vectors: an utterance x text source."""

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from features.bert import BertFeatures, BertParams
from pipeline.corpus import Corpus
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


def compute(corpus: Corpus) -> Compute:
    """How the payload of some rows is made."""
    return _Bert(corpus.params.bert, encoders(corpus))


def encoders(corpus: Corpus) -> text.Encoders:
    """The BERT of each language of the corpus."""
    return text.encoders(corpus, "bert", corpus.params.bert.models)


def provenance(corpus: Corpus) -> dict[str, Any]:
    """The model of each language: name, revision."""
    return {str(lang): text.described(used) for lang, used in encoders(corpus).items()}


@dataclass(frozen=True)
class _Bert:
    params: BertParams
    encoders: text.Encoders

    def __call__(self, inputs: pa.Table) -> pa.Table:
        from features.bert import embed, load

        texts, languages = inputs["text"].to_pylist(), inputs["language"].to_pylist()
        rows: list[dict[str, object]] = [{}] * len(texts)
        for language in dict.fromkeys(languages):
            here = [i for i, found in enumerate(languages) if found == language]
            model = load(
                self.encoders[language].path,
                self.params.dtype,
                allow_pickle=self.params.allow_pickle,
            )
            made = embed([texts[i] for i in here], model, self.params)
            for place, i in enumerate(here):
                rows[i] = _row(made, place)
        return pa.Table.from_pylist(rows, schema=PAYLOAD)


def _row(made: BertFeatures, place: int) -> dict[str, object]:
    row: dict[str, object] = {
        name: getattr(made, name)[place] for name in ("first", "mean", "n_tokens", "truncated")
    }
    states = made.token_states
    return row | {"token_states": None if states is None else states[place].ravel()}

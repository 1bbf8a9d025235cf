"""Word vectors: an utterance x text source."""

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from features.words import Vectoriser, WordFeatures, WordsParams, is_glove, sources
from pipeline.corpus import Corpus
from pipeline.encoders import Encoder
from pipeline.keys import recipe_key
from pipeline.rows import text
from pipeline.shards import Compute

VERSION = 1
PAYLOAD = pa.schema(
    [
        pa.field("tokens", pa.list_(pa.string()), nullable=False),
        pa.field("known", pa.list_(pa.bool_()), nullable=False),
        pa.field("unknown_share", pa.float32(), nullable=False),
        pa.field(  # flat, token after token
            "vectors", pa.list_(pa.field("element", pa.float32(), nullable=False)), nullable=False
        ),
    ]
)


def wanted(corpus: Corpus) -> pa.Table:
    """A row for each transcript."""
    serving = encoders(corpus)

    def recipe(language: str | None) -> str:
        reading = {"language": language, "segmenter": _segmenter(corpus.params.words, language)}
        return recipe_key("words", VERSION, reading, serving[language].revision)

    return text.wanted(corpus, recipe)


def inputs(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """Text and language of each row."""
    return text.inputs(corpus, rows)


def compute(corpus: Corpus, inputs: pa.Table) -> Compute:
    """How the payload of some rows is made."""
    return _Words(corpus.params.words, text.serving(encoders(corpus), inputs))


def encoders(corpus: Corpus) -> text.Encoders:
    """The word vectors of each language of the corpus."""
    return text.encoders(corpus, "words", corpus.params.words.models)


def provenance(corpus: Corpus) -> dict[str, Any]:
    """The model of each language: name, revision, what its vectors were made from, if of GloVe."""
    return {
        str(lang): text.described(used)
        | {"sources": sources(used.path), "glove": is_glove(used.path)}
        for lang, used in encoders(corpus).items()
    }


@dataclass(frozen=True)
class _Words:
    params: WordsParams
    encoders: text.Encoders  # of the languages of all rows

    def __call__(self, inputs: pa.Table) -> pa.Table:
        from features.words import embed_each

        tables = self._tables()
        texts, languages = inputs["text"].to_pylist(), inputs["language"].to_pylist()
        rows: list[dict[str, object]] = [{}] * len(texts)
        for language in dict.fromkeys(languages):
            here = [i for i, found in enumerate(languages) if found == language]
            made = embed_each([texts[i] for i in here], tables[language])
            for i, found in zip(here, made, strict=True):
                rows[i] = _row(found)
        return pa.Table.from_pylist(rows, schema=PAYLOAD)

    def _tables(self) -> dict[str | None, Vectoriser]:
        """All that the run needs, loaded once in a process: a broken one stops it before any row.

        Raises:
            ValueError: one of them cannot be loaded.
        """
        with _torch_hidden():
            import spacy  # noqa: F401

        return {
            language: _loaded(used, language, _segmenter(self.params, language))
            for language, used in self.encoders.items()
        }


@functools.cache
def _loaded(used: Encoder, language: str | None, segmenter: str) -> Vectoriser:
    """By its content: a model that was exchanged in its place is another."""
    from features.words import load

    return load(used.path, language, segmenter)


def _row(found: WordFeatures) -> dict[str, object]:
    return {
        "tokens": found.tokens,
        "known": found.known,
        "unknown_share": found.unknown_share,
        "vectors": found.vectors.ravel(),
    }


@contextmanager
def _torch_hidden() -> Iterator[None]:
    """Let spaCy be imported without torch, which is two thirds of the time that it takes and serves
    only pipes that are never loaded here."""
    if "torch" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # Python's way to say: not there
    try:
        yield
    finally:
        del sys.modules["torch"]


def _segmenter(params: WordsParams, language: str | None) -> str:
    return params.segmenters.get(language or "", "model")

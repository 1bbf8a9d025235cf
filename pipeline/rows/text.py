"""What rows computed from transcripts share: which model serves a language, and the texts."""

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from pipeline.corpus import Corpus, look_up
from pipeline.encoders import Encoder, Kind, choose, resolve
from pipeline.keys import row_keys

Encoders = dict[str | None, Encoder]  # language (None where unknown) -> the model that serves it


def encoders(corpus: Corpus, kind: Kind, models: Mapping[str, str]) -> Encoders:
    """The models for the languages that the corpus's transcripts are in.

    Raises:
        EncoderError: a language has no model, or its model is not to be had.
    """
    return corpus.once(kind, lambda: _resolve_each(corpus, kind, models))


def _resolve_each(corpus: Corpus, kind: Kind, models: Mapping[str, str]) -> Encoders:
    by_name: dict[str, Encoder] = {}  # several languages may have one model
    found: Encoders = {}
    for language in corpus.rows("transcripts", "language")["language"].unique().to_pylist():
        name, setting = choose(models, language, f"{kind}.models")
        if name not in by_name:
            by_name[name] = resolve(name, kind, language, setting)
        found[language] = by_name[name]
    return found


def serving(encoders: Encoders, inputs: pa.Table) -> Encoders:
    """Those of the encoders that the texts of some rows need."""
    return {language: encoders[language] for language in inputs["language"].unique().to_pylist()}


def wanted(corpus: Corpus, recipe: Callable[[str | None], str]) -> pa.Table:
    """A row for each transcript; `recipe` tells how texts of a language are embedded."""
    texts = corpus.rows("transcripts", "utt_id", "source", "language", "text_key")
    languages, parents = texts["language"].to_pylist(), texts["text_key"].to_pylist()
    keys: list[str] = [""] * len(texts)
    for language in set(languages):
        here = [i for i, found in enumerate(languages) if found == language]
        made = row_keys(recipe(language), [parents[i] for i in here])
        for i, key in zip(here, made.to_pylist(), strict=True):
            keys[i] = key
    return texts.select(["utt_id", "source"]).append_column("key", pa.array(keys, pa.string()))


def inputs(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """Text and language of each row."""
    texts = corpus.rows("transcripts", "utt_id", "source", "text", "language")
    return look_up(texts, ["utt_id", "source"], rows).select(["utt_id", "text", "language"])


def described(encoder: Encoder) -> dict[str, Any]:
    """A model as the catalog tells of it."""
    return {"name": encoder.name, "revision": encoder.revision}

"""The files of one text source in a tensor cache."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.catalog import Catalog, shard_paths
from pipeline.packing.alignment import write_alignment
from pipeline.packing.rows import Utterances
from pipeline.packing.texts import plan_words, write_bert, write_bert_tokens, write_words

MANY_UNKNOWN = 0.5  # a share of words above it calls for a warning

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PackedText:
    """What became of a text source: the widths of its vectors, and what they were made from."""

    word_dim: int
    bert_dim: int
    unknown_share: float  # of words, 0 to 1
    languages: tuple[str, ...]  # that occur; "" where not known
    keys: tuple[pa.ChunkedArray, ...]  # of the rows of words and of bert


def write_text(folder: Path, catalog: Catalog, utterances: Utterances, source: str) -> PackedText:
    """Pack the word and BERT vectors of a text source, with times of words and states where kept.

    Raises:
        PackError: the store lacks rows of the source, or they do not fit each other.
    """
    transcripts, words, bert = (
        shard_paths(catalog, feature) for feature in ("transcripts", "words", "bert")
    )
    text = plan_words(transcripts, words, utterances, source)
    word_dim = write_words(_file(folder, "words", source), words, utterances, source, text)
    write_alignment(
        _file(folder, "align", source),
        transcripts,
        words,
        utterances,
        source,
        offsets=text.offsets,
        hop_s=_each(catalog, utterances, "mel", "hop_ms")[0] / 1000,
    )
    bert_dim, bert_keys = write_bert(_file(folder, "bert", source), bert, utterances, source)
    if all(_each(catalog, utterances, "bert", "tokens")):
        path = _file(folder, "bert_tokens", source)
        write_bert_tokens(path, bert, utterances, source, bert_dim)
    unknown = text.unknown / int(text.tokens.sum())
    languages = tuple(sorted(text.language.unique().to_pylist()))
    return PackedText(word_dim, bert_dim, unknown, languages, (text.keys, bert_keys))


def _file(folder: Path, what: str, source: str) -> Path:
    return folder / f"{what}-{source}.safetensors"


def _each(catalog: Catalog, utterances: Utterances, feature: str, name: str) -> list[Any]:
    """A parameter of a feature, in each corpus of the task."""
    corpora = utterances.table["corpus"].unique().to_pylist()
    return [catalog[corpus][feature].params[feature][name] for corpus in corpora]


def unknown_words(texts: Mapping[str, PackedText]) -> dict[str, float]:
    """The share of words without a vector, per source; a large one is told."""
    unknown = {source: text.unknown_share for source, text in texts.items()}
    for source, share in unknown.items():
        if share > MANY_UNKNOWN:
            log.warning(
                f"source {source!r}: {share:.0%} of the words have no vector; are the models under "
                "words.models those of the corpus's language?"
            )
    return unknown

"""The texts of a tensor cache: words by number, their vectors, and BERT's."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.packing.rows import (
    PackError,
    Utterances,
    in_order,
    read_located,
    refuse_twice,
    require,
)
from pipeline.packing.tensorfile import writing
from pipeline.packing.tensors import matrix, read_rows, width_of

UNKNOWN, FIRST_WORD = 1, 2  # ids of the vocabulary; 0 pads


@dataclass(frozen=True)
class Text:
    """What one text source holds for the utterances of a task."""

    language: pa.DictionaryArray  # [utterances] of the transcript; "" where it is not known
    tokens: NDArray[np.int64]  # [utterances] number of words, at least 1
    vocabulary: dict[tuple[str, str], int]  # (language, token) -> id
    keys: pa.ChunkedArray  # [utterances] row keys in the word store
    unknown: int  # words without a vector

    @property
    def offsets(self) -> NDArray[np.int64]:
        """First word of each utterance, and the end: [utterances + 1]."""
        return np.concatenate([[0], np.cumsum(self.tokens)])


def plan_words(
    transcripts: list[Path], words: list[Path], utterances: Utterances, source: str
) -> Text:
    """Lengths and vocabulary of a text source; an empty transcript is one unknown word.

    Raises:
        PackError: an utterance has no transcript or no words of this source.
    """
    languages = _languages(transcripts, utterances, source)
    tokens = np.zeros(len(utterances), np.int64)
    present: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    keys: list[pa.ChunkedArray] = []
    seen: set[tuple[str, str]] = set()
    known = 0
    for ordinals, table in read_located(words, ["tokens", "known", "key"], utterances, source):
        tokens[ordinals] = np.maximum(1, np.asarray(pc.list_value_length(table["tokens"])))
        known += pc.sum(pc.list_flatten(table["known"])).as_py() or 0
        parent = np.asarray(pc.list_parent_indices(table["tokens"]), np.int64)
        spoken = languages.take(pa.array(ordinals[parent]))
        seen |= _distinct(spoken, pc.list_flatten(table["tokens"]))
        present.append(ordinals)
        keys.append(table["key"])
    refuse_twice(utterances, np.concatenate(present), "word", source)
    require(utterances, np.concatenate(present), "words", f"source {source!r}")
    return Text(
        language=languages,
        tokens=tokens,
        vocabulary={word: FIRST_WORD + i for i, word in enumerate(sorted(seen))},
        keys=in_order(present, keys),
        unknown=int(tokens.sum()) - known,
    )


def _languages(transcripts: list[Path], utterances: Utterances, source: str) -> pa.DictionaryArray:
    """The language of each utterance's transcript, "" where it is not known."""
    names: list[str] = [""]
    codes = np.full(len(utterances), -1, np.int32)
    for ordinals, table in read_located(transcripts, ["language"], utterances, source):
        spoken = pc.fill_null(table["language"], "")
        names += [name for name in pc.unique(spoken).to_pylist() if name not in names]
        codes[ordinals] = np.asarray(pc.index_in(spoken, pa.array(names)))
    require(utterances, np.flatnonzero(codes >= 0), "asr", f"source {source!r}")
    return pa.DictionaryArray.from_arrays(codes, names)


def _distinct(languages: pa.DictionaryArray, tokens: pa.ChunkedArray) -> set[tuple[str, str]]:
    pairs = pa.table({"language": languages, "token": tokens})
    found = pairs.group_by(["language", "token"]).aggregate([])
    return set(zip(found["language"].to_pylist(), found["token"].to_pylist(), strict=True))


def write_words(
    path: Path, shards: list[Path], utterances: Utterances, source: str, text: Text
) -> int:
    """Write words-<source>.safetensors and return the width of a word vector.

    Every word of the task has a number, also one without a vector, whose row of the table is zero:
    which words a model may know, its fold says.

    Shape:
        ids i32[sum(tokens)], offsets i64[utterances + 1], table f32[vocabulary + 2, width],
        vocabulary u8: JSON, [language, word] in the order of ids from 2 on.

    Raises:
        PackError: one word has two vectors, so the store mixes two models.
    """
    width = width_of(shards, "vectors", "tokens")
    rows = FIRST_WORD + len(text.vocabulary)
    offsets = text.offsets
    words = json.dumps(list(text.vocabulary), ensure_ascii=False).encode()
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        "ids": ("int32", (int(offsets[-1]),)),
        "offsets": ("int64", (len(offsets),)),
        "table": ("float32", (rows, width)),
        "vocabulary": ("uint8", (len(words),)),
    }
    filled = np.zeros(rows, bool)
    columns = ["tokens", "vectors"]
    with writing(path, tensors) as out:
        out["offsets"][:] = offsets
        out["ids"][:] = UNKNOWN
        out["vocabulary"][:] = np.frombuffer(words, np.uint8)
        for ordinal, tokens, values in read_rows(shards, columns, utterances, source):
            name = utterances.name(ordinal)
            vectors = matrix(values, len(tokens), width, f"{name}: word vectors")
            language = text.language[ordinal].as_py()
            ids = np.array([text.vocabulary[language, token] for token in tokens], np.int64)
            out["ids"][offsets[ordinal] : offsets[ordinal] + len(ids)] = ids
            new = ~filled[ids]
            out["table"][ids[new]] = vectors[new]
            filled[ids] = True
            if not np.array_equal(out["table"][ids], vectors):
                raise PackError(
                    f"{name}: a word of source {source!r} has another vector than elsewhere; "
                    f"the store mixes two models. Run `dvc repro` to bring it up to date"
                )
    return width


def write_bert(
    path: Path, shards: list[Path], utterances: Utterances, source: str
) -> tuple[int, pa.ChunkedArray]:
    """Write bert-<source>.safetensors and return the width and the row keys.

    Shape:
        first and mean f32[utterances, width].

    Raises:
        PackError: an utterance has no row of this source, or the widths differ.
    """
    width = width_of(shards, "first")
    shape = (len(utterances), width)
    found = [*read_located(shards, ["key"], utterances, source)]
    present = np.concatenate([np.empty(0, np.int64), *(ordinals for ordinals, _ in found)])
    refuse_twice(utterances, present, "bert", source)
    require(utterances, present, "bert", f"source {source!r}")
    with writing(path, {"first": ("float32", shape), "mean": ("float32", shape)}) as out:
        for ordinal, first, mean in read_rows(shards, ["first", "mean"], utterances, source):
            what = f"{utterances.name(ordinal)}: bert"
            out["first"][ordinal] = matrix(first, 1, width, what)[0]
            out["mean"][ordinal] = matrix(mean, 1, width, what)[0]
    return width, in_order([present], [table["key"] for _, table in found])


def write_bert_tokens(
    path: Path, shards: list[Path], utterances: Utterances, source: str, width: int
) -> None:
    """Write bert_tokens-<source>.safetensors: the state of every token.

    Shape:
        states f16[sum(n_tokens), width], offsets i64[utterances + 1].
    """
    counts = np.zeros(len(utterances), np.int64)
    for ordinals, table in read_located(shards, ["n_tokens"], utterances, source):
        counts[ordinals] = np.asarray(table["n_tokens"])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        "states": ("float16", (int(offsets[-1]), width)),
        "offsets": ("int64", (len(offsets),)),
    }
    with writing(path, tensors) as out:
        out["offsets"][:] = offsets
        for ordinal, states in read_rows(shards, ["token_states"], utterances, source):
            what = f"{utterances.name(ordinal)}: states of BERT's tokens"
            here = slice(offsets[ordinal], offsets[ordinal + 1])
            out["states"][here] = matrix(states, int(counts[ordinal]), width, what)

"""The values of a tensor cache, copied from the store's shards a few rows at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.packing.melrows import MelRows
from pipeline.packing.rows import (
    BATCH_ROWS,
    PackError,
    Utterances,
    in_order,
    read_located,
    refuse_twice,
    require,
    stream_located,
)
from pipeline.packing.tensorfile import writing

UNKNOWN, FIRST_WORD = 1, 2  # ids of the vocabulary; 0 pads


@dataclass(frozen=True)
class Text:
    """What one text source holds for the utterances of a task."""

    language: pa.DictionaryArray  # [utterances] of the transcript; "" where it is not known
    tokens: NDArray[np.int64]  # [utterances] number of words, at least 1
    vocabulary: dict[tuple[str, str], int]  # (language, token) -> id
    keys: pa.ChunkedArray  # [utterances] row keys in the word store
    unknown: int  # words without a vector


def write_mel(path: Path, shards: list[Path], utterances: Utterances, rows: MelRows) -> int:
    """Write mel.safetensors and return the number of mel bins.

    Shape:
        values f16[sum(frames), n_mels], offsets i64[rows + 1], sum and sum_squares
        f64[rows, n_mels]: sums over the kept frames, in the order of time.
    """
    columns = ["view", "frames", "mel"]
    n_mels = _width(shards, "mel", "frames")
    shape = (len(rows.codes), n_mels)
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        "values": ("float16", (int(rows.frames.sum()), n_mels)),
        "offsets": ("int64", (len(rows.codes) + 1,)),
        "sum": ("float64", shape),
        "sum_squares": ("float64", shape),
    }
    with writing(path, tensors) as out:
        out["offsets"][:] = offsets = rows.offsets
        for ordinal, view, frames, mel in _rows(shards, columns, utterances):
            row = rows.place(ordinal, view)
            what = f"{utterances.name(ordinal)}: mel"
            kept = _matrix(mel, frames, n_mels, what)[: rows.frames[row]]
            out["values"][offsets[row] : offsets[row + 1]] = kept
            exact = kept.astype(np.float64)
            out["sum"][row] = exact.sum(axis=0)
            out["sum_squares"][row] = (exact * exact).sum(axis=0)
    return n_mels


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
        here = pc.list_flatten(table["known"])
        known += pc.sum(here).as_py() or 0
        parent = np.asarray(pc.list_parent_indices(table["tokens"]), np.int64)
        seen |= _distinct(
            languages.take(pa.array(ordinals[parent])).filter(here),
            pc.list_flatten(table["tokens"]).filter(here),
        )
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

    Shape:
        ids i32[sum(tokens)], offsets i64[utterances + 1], table f32[vocabulary + 2, width].

    Raises:
        PackError: one word has two vectors, so the store mixes two models.
    """
    width = _width(shards, "vectors", "tokens")
    rows = FIRST_WORD + len(text.vocabulary)
    offsets = np.concatenate([[0], np.cumsum(text.tokens)])
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        "ids": ("int32", (int(offsets[-1]),)),
        "offsets": ("int64", (len(offsets),)),
        "table": ("float32", (rows, width)),
    }
    filled = np.zeros(rows, bool)
    columns = ["tokens", "known", "vectors"]
    with writing(path, tensors) as out:
        out["offsets"][:] = offsets
        out["ids"][:] = UNKNOWN
        for ordinal, tokens, known, values in _rows(shards, columns, utterances, source):
            name = utterances.name(ordinal)
            vectors = _matrix(values, len(tokens), width, f"{name}: word vectors")
            at = np.flatnonzero(np.array(known, bool))
            language = text.language[ordinal].as_py()
            ids = np.array([text.vocabulary[language, tokens[i]] for i in at], np.int64)
            out["ids"][offsets[ordinal] + at] = ids
            new = ~filled[ids]
            out["table"][ids[new]] = vectors[at[new]]
            filled[ids] = True
            if not np.array_equal(out["table"][ids], vectors[at]):
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
    width = _width(shards, "first")
    shape = (len(utterances), width)
    found = [*read_located(shards, ["key"], utterances, source)]
    present = np.concatenate([np.empty(0, np.int64), *(ordinals for ordinals, _ in found)])
    refuse_twice(utterances, present, "bert", source)
    require(utterances, present, "bert", f"source {source!r}")
    with writing(path, {"first": ("float32", shape), "mean": ("float32", shape)}) as out:
        for ordinal, first, mean in _rows(shards, ["first", "mean"], utterances, source):
            what = f"{utterances.name(ordinal)}: bert"
            out["first"][ordinal] = _matrix(first, 1, width, what)[0]
            out["mean"][ordinal] = _matrix(mean, 1, width, what)[0]
    return width, in_order([present], [table["key"] for _, table in found])


def _rows(
    shards: Iterable[Path], columns: list[str], utterances: Utterances, source: str | None = None
) -> Iterator[tuple[Any, ...]]:
    """Ordinals and values of the task's rows; long lists as Arrow scalars, the rest as Python."""
    for ordinals, batch in stream_located(shards, columns, utterances, source):
        for i in np.flatnonzero(ordinals >= 0).tolist():
            yield int(ordinals[i]), *(_value(batch[name][i]) for name in columns)


def _value(scalar: Any) -> Any:
    """Lists of numbers stay in Arrow: as Python objects they would take 30 times the memory."""
    numbers = pa.types.is_nested(scalar.type) and pa.types.is_floating(scalar.type.value_type)
    return scalar if numbers else scalar.as_py()


def _matrix(scalar: Any, rows: int, width: int, what: str) -> NDArray[Any]:
    values: NDArray[Any] = scalar.values.to_numpy(zero_copy_only=False)
    if len(values) != rows * width:
        raise PackError(
            f"{what}: {len(values)} values where {rows} x {width} are expected; the store mixes "
            f"two settings. Run `dvc repro` to bring it up to date"
        )
    return values.reshape(rows, width)


def _width(shards: list[Path], column: str, rows: str | None = None) -> int:
    """Values per row of a flat matrix, from the first stored one that is not empty."""
    columns = [column] if rows is None else [column, rows]
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                for i, scalar in enumerate(batch[column]):
                    if len(scalar.values):
                        count = 1 if rows is None else batch[rows][i].as_py()
                        per_row = count if isinstance(count, int) else len(count)
                        return len(scalar.values) // per_row
    raise PackError(
        f"the store holds no {column} at all; give the corpus transcripts, or set `sources: []` "
        f"in the task to train on audio alone"
    )

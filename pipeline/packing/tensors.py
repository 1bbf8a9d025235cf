"""The values of a tensor cache, copied from the store's shards a few rows at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.packing.rows import MelRows, PackError, Utterances, batches, require
from pipeline.packing.tensorfile import writing

UNKNOWN, FIRST_WORD = 1, 2  # ids of the vocabulary; 0 pads


@dataclass(frozen=True)
class Text:
    """What one text source holds for the utterances of a task."""

    language: tuple[str, ...]  # [utterances] of the transcript
    tokens: NDArray[np.int64]  # [utterances] number of words, at least 1
    vocabulary: dict[tuple[str, str], int]  # (language, token) -> id
    keys: tuple[str, ...]  # [utterances] row keys in the word store
    unknown: int  # words without a vector


def write_mel(path: Path, shards: list[Path], utterances: Utterances, rows: MelRows) -> int:
    """Write mel.safetensors and return the number of mel bins.

    Shape:
        values f16[sum(frames), n_mels], offsets i64[rows + 1], sum and sum_squares
        f64[rows, n_mels]: sums over the kept frames, in the order of time.
    """
    columns = ["utt_id", "view", "frames", "mel"]
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
        for utt_id, view, frames, mel in _rows(shards, columns, utterances):
            row = rows.place(utterances.ordinals[utt_id], view)
            assert row is not None  # planned from these very shards
            kept = _matrix(mel, frames, n_mels, f"{utt_id}: mel")[: rows.frames[row]]
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
    language: dict[int, str] = {}
    for utt_id, spoken in _rows(transcripts, ["utt_id", "language"], utterances, source):
        language[utterances.ordinals[utt_id]] = spoken or ""
    require(utterances, language, "asr", f"source {source!r}")
    length: dict[int, int] = {}
    keys: dict[int, str] = {}
    seen: set[tuple[str, str]] = set()
    unknown = 0
    columns = ["utt_id", "tokens", "known", "key"]
    for utt_id, tokens, known, key in _rows(words, columns, utterances, source):
        ordinal = utterances.ordinals[utt_id]
        if ordinal in length:
            raise PackError(f"{utt_id}: two rows of source {source!r} in the word store")
        length[ordinal], keys[ordinal] = max(1, len(tokens)), key
        unknown += length[ordinal] - sum(known)
        spoken = language[ordinal]
        seen.update((spoken, t) for t, k in zip(tokens, known, strict=True) if k)
    require(utterances, length, "words", f"source {source!r}")
    order = range(len(utterances.ordinals))
    return Text(
        language=tuple(language[i] for i in order),
        tokens=np.array([length[i] for i in order], np.int64),
        vocabulary={word: FIRST_WORD + i for i, word in enumerate(sorted(seen))},
        keys=tuple(keys[i] for i in order),
        unknown=unknown,
    )


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
    columns = ["utt_id", "tokens", "known", "vectors"]
    with writing(path, tensors) as out:
        out["offsets"][:] = offsets
        out["ids"][:] = UNKNOWN
        for utt_id, tokens, known, values in _rows(shards, columns, utterances, source):
            ordinal = utterances.ordinals[utt_id]
            vectors = _matrix(values, len(tokens), width, f"{utt_id}: word vectors")
            at = np.flatnonzero(np.array(known, bool))
            language = text.language[ordinal]
            ids = np.array([text.vocabulary[language, tokens[i]] for i in at], np.int64)
            out["ids"][offsets[ordinal] + at] = ids
            new = ~filled[ids]
            out["table"][ids[new]] = vectors[at[new]]
            filled[ids] = True
            if not np.array_equal(out["table"][ids], vectors[at]):
                raise PackError(
                    f"{utt_id}: a word of source {source!r} has another vector than elsewhere; "
                    f"the store mixes two models. Run `dvc repro` to bring it up to date"
                )
    return width


def write_bert(
    path: Path, shards: list[Path], utterances: Utterances, source: str
) -> tuple[int, tuple[str, ...]]:
    """Write bert-<source>.safetensors and return the width and the row keys.

    Shape:
        first and mean f32[utterances, width].

    Raises:
        PackError: an utterance has no row of this source, or the widths differ.
    """
    width = _width(shards, "first")
    shape = (len(utterances.ordinals), width)
    keys: dict[int, str] = {}
    with writing(path, {"first": ("float32", shape), "mean": ("float32", shape)}) as out:
        columns = ["utt_id", "first", "mean", "key"]
        for utt_id, first, mean, key in _rows(shards, columns, utterances, source):
            ordinal = utterances.ordinals[utt_id]
            if ordinal in keys:
                raise PackError(f"{utt_id}: two rows of source {source!r} in the bert store")
            keys[ordinal] = key
            out["first"][ordinal] = _matrix(first, 1, width, f"{utt_id}: bert")[0]
            out["mean"][ordinal] = _matrix(mean, 1, width, f"{utt_id}: bert")[0]
        require(utterances, keys, "bert", f"source {source!r}")
    return width, tuple(keys[i] for i in range(len(keys)))


def _rows(
    shards: Iterable[Path], columns: list[str], utterances: Utterances, source: str | None = None
) -> Iterator[tuple[Any, ...]]:
    """The rows of the task's utterances; long lists come as Arrow scalars, the rest as Python."""
    read = columns if source is None else [*columns, "source"]
    for batch in batches(shards, read):
        ids = batch["utt_id"].to_pylist()
        sources = batch["source"].to_pylist() if source is not None else [None] * len(ids)
        for i, utt_id in enumerate(ids):
            if utt_id in utterances.ordinals and sources[i] == source:
                yield tuple(_value(batch[name][i]) for name in columns)


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
    for batch in batches(shards, columns):
        for i, scalar in enumerate(batch[column]):
            if len(scalar.values):
                count = 1 if rows is None else batch[rows][i].as_py()
                return len(scalar.values) // (count if isinstance(count, int) else len(count))
    raise PackError(
        f"the store holds no {column} at all; give the corpus transcripts, or set `sources: []` "
        f"in the task to train on audio alone"
    )

"""The utterances of a tensor cache, and their rows in the store.

Everything is joined by utterance id, view and source; a row's place in a shard means nothing. What
grows with the corpora is in Arrow and NumPy: as Python objects a million utterances take gigabytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.labels import Task

BATCH_ROWS = 64  # rows of a shard in memory at once, as NumPy
LOOKUP_ROWS = 1 << 16  # ids looked up at once; each time Arrow hashes all utterances of the task
MANIFEST_COLUMNS = ["utt_id", "corpus", "speaker", "label", "soft_label", "duration_s"]
MANIFEST_COLUMNS += ["arousal", "valence", "dominance"]
NO_TEXT = (
    "; an utterance without a transcript needs an ASR source, or `require_transcript` in its "
    "corpus. To train on audio alone, set `sources: []` in the task"
)


class PackError(ValueError):
    """The store does not hold what a task needs, or holds it twice."""


@dataclass(frozen=True)
class Utterances:
    """The utterances of a task, sorted by id; an utterance's ordinal is its place here."""

    table: pa.Table  # MANIFEST_COLUMNS
    classes: NDArray[np.int16]  # [utterances] class index
    kept: dict[str, dict[str, int]]  # class -> its emotions -> number of utterances
    dropped: dict[str, int]  # labels outside the task -> number of utterances

    def __len__(self) -> int:
        """How many there are."""
        return len(self.classes)

    def name(self, ordinal: int) -> str:
        """The id of one utterance."""
        return str(self.table["utt_id"][int(ordinal)])

    def find(self, ids: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
        """Ordinals of many ids: [ids], -1 where the task has no such utterance."""
        found = pc.index_in(ids, value_set=self.table["utt_id"].combine_chunks())
        return np.asarray(pc.fill_null(found, -1), np.int64)


def read_located(
    shards: Iterable[Path],
    columns: Sequence[str],
    utterances: Utterances,
    source: str | None = None,
) -> Iterator[tuple[NDArray[np.int64], pa.Table]]:
    """Ordinals and small columns of the task's rows (of one source), many rows at a time."""
    for _, ordinals, table in _located(shards, columns, utterances, source):
        here = ordinals >= 0
        yield ordinals[here], table.select(list(columns)).filter(pa.array(here)).combine_chunks()


def stream_located(
    shards: Iterable[Path],
    columns: Sequence[str],
    utterances: Utterances,
    source: str | None = None,
) -> Iterator[tuple[NDArray[np.int64], pa.RecordBatch]]:
    """Ordinals and large columns of rows, BATCH_ROWS at a time; -1 for rows not of the task."""
    for paths, ordinals, _ in _located(shards, [], utterances, source):
        start = 0
        for path in paths:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(BATCH_ROWS, columns=list(columns)):
                    yield ordinals[start : start + len(batch)], batch
                    start += len(batch)


def _located(
    shards: Iterable[Path], columns: Sequence[str], utterances: Utterances, source: str | None
) -> Iterator[tuple[list[Path], NDArray[np.int64], pa.Table]]:
    """Some shards, the ordinals of their rows (-1: not of the task or source), and columns."""
    ids = ["utt_id"] if source is None else ["utt_id", "source"]
    for paths, table in _together(shards, list(dict.fromkeys([*ids, *columns]))):
        ordinals = utterances.find(table["utt_id"])
        if source is not None:
            ordinals[~np.asarray(pc.equal(table["source"], source), bool)] = -1
        yield paths, ordinals, table


def _together(shards: Iterable[Path], columns: list[str]) -> Iterator[tuple[list[Path], pa.Table]]:
    """Columns of shards, so many shards at a time that they hold LOOKUP_ROWS rows."""
    paths: list[Path] = []
    tables: list[pa.Table] = []
    for path in shards:
        paths.append(path)
        tables.append(pq.read_table(path, columns=columns, partitioning=None))
        if sum(map(len, tables)) >= LOOKUP_ROWS:
            yield paths, pa.concat_tables(tables)
            paths, tables = [], []
    if paths:
        yield paths, pa.concat_tables(tables)


def choose_utterances(manifests: Iterable[Path], task: Task) -> Utterances:
    """The utterances whose canonical label belongs to a class.

    Raises:
        PackError: an id occurs twice, or a class has no utterance.
    """
    tables = [
        pq.read_table(path, columns=MANIFEST_COLUMNS, partitioning=None) for path in manifests
    ]
    if not tables:
        raise PackError("the catalog names no corpus; add one under `corpora` in params.yaml")
    table = pa.concat_tables(tables)
    counts = {
        str(pair["values"] or "unlabelled"): pair["counts"]
        for pair in pc.value_counts(table["label"]).to_pylist()
    }
    emotions = pa.array(task.index, pa.string())
    kept = table.filter(pc.is_in(table["label"], emotions)).sort_by("utt_id").combine_chunks()
    ids = kept["utt_id"]
    twice = pc.unique(
        ids.slice(1).filter(pc.equal(ids.slice(1), ids.slice(0, max(len(ids) - 1, 0))))
    )
    if len(twice):
        raise PackError(f"{len(twice)} utterance ids occur twice in the manifests: {first(twice)}")
    class_of = np.array(list(task.index.values()), np.int16)
    classes = class_of[np.asarray(pc.index_in(kept["label"], emotions), np.int64)]
    _require_classes(task, classes, counts)
    dropped = {label: counts[label] for label in sorted(counts) if label not in task.index}
    told = {
        name: {emotion: counts.get(emotion, 0) for emotion in emotions}
        for name, emotions in task.classes.items()
    }
    return Utterances(kept, classes, told, dropped)


def _require_classes(task: Task, of_task: NDArray[np.int16], labels: Iterable[str]) -> None:
    for number, (name, emotions) in enumerate(task.classes.items()):
        if not (of_task == number).any():
            raise PackError(
                f"class {name!r} (labels {', '.join(emotions)}) has no utterance; the corpora have "
                f"the labels {', '.join(sorted(labels))}. Correct the "
                f"classes of the task in params.yaml, or leave this class out"
            )


def joined(columns: Iterable[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Columns of strings, one after the other."""
    return pa.chunked_array([c for column in columns for c in column.chunks], pa.string())


def in_order(
    ordinals: Sequence[NDArray[np.int64]], columns: Iterable[pa.ChunkedArray]
) -> pa.ChunkedArray:
    """Strings that came with ordinals, sorted by ordinal."""
    return joined(columns).take(pa.array(np.argsort(np.concatenate(ordinals), kind="stable")))


def require(utterances: Utterances, present: NDArray[np.int64], feature: str, which: str) -> None:
    """Stop when an utterance of the task is not among the ordinals `present` of a feature.

    Raises:
        PackError: the number of those utterances, the first ten, and what to run.
    """
    absent = np.ones(len(utterances), bool)
    absent[present] = False
    missing = np.flatnonzero(absent)
    if not len(missing):
        return
    rows = utterances.table.take(pa.array(missing))
    stages = " ".join(f"{feature}@{c}" for c in sorted(pc.unique(rows["corpus"]).to_pylist()))
    remedy = "" if feature == "mel" else NO_TEXT
    raise PackError(
        f"{len(missing)} of {len(utterances)} utterances have no {feature} row "
        f"({which}): {first(rows['utt_id'])}. Run `dvc repro {stages} catalog`{remedy}"
    )


def refuse_twice(
    utterances: Utterances, present: NDArray[np.int64], feature: str, source: str
) -> None:
    """Stop when an ordinal is among `present` twice.

    Raises:
        PackError: the first such utterance.
    """
    if len(again := np.flatnonzero(np.bincount(present, minlength=1) > 1)):
        name = utterances.name(again[0])
        raise PackError(f"{name}: two rows of source {source!r} in the {feature} store")


def first(ids: pa.ChunkedArray | pa.Array) -> str:
    """The first ten of a list, for a message."""
    more = f" and {len(ids) - 10} more" if len(ids) > 10 else ""
    return ", ".join(ids.slice(0, 10).to_pylist()) + more

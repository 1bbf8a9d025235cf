"""Which rows a tensor cache holds, and in which order.

Everything is joined by utterance id, view and source; a row's place in a shard means nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.labels import Task

ORIGINAL = "original"
BATCH_ROWS = 64  # rows of a shard in memory at once, as NumPy
MANIFEST_COLUMNS = ["utt_id", "corpus", "speaker", "label", "soft_label", "duration_s", "audio_key"]


class PackError(ValueError):
    """The store does not hold what a task needs, or holds it twice."""


@dataclass(frozen=True)
class Utterances:
    """The utterances of a task, sorted by id; an utterance's ordinal is its place here."""

    table: pa.Table  # MANIFEST_COLUMNS
    classes: NDArray[np.int16]  # [utterances] class index
    ordinals: dict[str, int]  # utt_id -> ordinal
    dropped: dict[str, int]  # labels outside the task -> number of utterances


@dataclass(frozen=True)
class MelRows:
    """The rows of the index: utterance x view, sorted by utterance, the original first."""

    views: tuple[str, ...]  # by rank; rank 0 is the original
    codes: NDArray[np.int64]  # [rows] ordinal * len(views) + rank, ascending
    frames: NDArray[np.int64]  # [rows] as kept
    truncated: int  # rows longer than the task's max_frames
    keys: tuple[str, ...]  # [rows]

    @property
    def utterance(self) -> NDArray[np.int64]:
        """Ordinal of the utterance of each row."""
        return self.codes // len(self.views)

    @property
    def rank(self) -> NDArray[np.int64]:
        """Rank of the view of each row."""
        return self.codes % len(self.views)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """First frame of each row, and the end: [rows + 1]."""
        return np.concatenate([[0], np.cumsum(self.frames)]).astype(np.int64)

    def place(self, utterance: int, view: str) -> int | None:
        """The row of a view of an utterance, if there is one."""
        if view not in self.views:
            return None
        code = utterance * len(self.views) + self.views.index(view)
        row = int(np.searchsorted(self.codes, code))
        return row if row < len(self.codes) and self.codes[row] == code else None


def batches(shards: Iterable[Path], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A few rows at a time of every shard: column name -> Arrow array."""
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=list(columns)):
                yield {name: batch.column(name) for name in columns}


def choose_utterances(manifests: Iterable[Path], task: Task) -> Utterances:
    """The utterances whose canonical label belongs to a class.

    Raises:
        PackError: an id occurs twice, or a class has no utterance.
    """
    index = task.index
    tables = [
        pq.read_table(path, columns=MANIFEST_COLUMNS, partitioning=None) for path in manifests
    ]
    if not tables:
        raise PackError("the catalog names no corpus; add one under `corpora` in params.yaml")
    table = pa.concat_tables(tables).sort_by("utt_id")
    labels = table["label"].to_pylist()
    kept = table.filter(pa.array([label in index for label in labels], pa.bool_()))
    ids = kept["utt_id"].to_pylist()
    twice = sorted({a for a, b in pairwise(ids) if a == b})
    if twice:
        raise PackError(f"{len(twice)} utterance ids occur twice in the manifests: {first(twice)}")
    of_task = np.array([index[label] for label in kept["label"].to_pylist()], np.int16)
    _require_classes(task, of_task, labels)
    outside = sorted(str(label or "unlabelled") for label in labels if label not in index)
    dropped = {label: outside.count(label) for label in dict.fromkeys(outside)}
    return Utterances(kept, of_task, {utt_id: i for i, utt_id in enumerate(ids)}, dropped)


def _require_classes(task: Task, of_task: NDArray[np.int16], labels: list[str | None]) -> None:
    for number, (name, emotions) in enumerate(task.classes.items()):
        if not (of_task == number).any():
            raise PackError(
                f"class {name!r} (labels {', '.join(emotions)}) has no utterance; the corpora have "
                f"the labels {', '.join(sorted({str(label) for label in labels}))}. Correct the "
                f"classes of the task in params.yaml, or leave this class out"
            )


def plan_mel(shards: Iterable[Path], utterances: Utterances, max_frames: int) -> MelRows:
    """The spectrograms of a task: the original of every utterance, and its views.

    Raises:
        PackError: an utterance has no original, a row occurs twice or has no frame.
    """
    found: dict[tuple[int, str], tuple[int, str]] = {}
    for batch in batches(shards, ["utt_id", "view", "frames", "key"]):
        rows = zip(*(column.to_pylist() for column in batch.values()), strict=True)
        for utt_id, view, frames, key in rows:
            ordinal = utterances.ordinals.get(utt_id)
            if ordinal is None:
                continue
            if (ordinal, view) in found or frames < 1:
                wrong = "no frame" if frames < 1 else "two rows"
                raise PackError(f"{utt_id}: the view {view!r} has {wrong} in the mel store")
            found[ordinal, view] = (frames, key)
    require(utterances, {o for o, view in found if view == ORIGINAL}, "mel", "view 'original'")
    views = (ORIGINAL, *sorted({view for _, view in found} - {ORIGINAL}))
    rank = {view: i for i, view in enumerate(views)}
    order = sorted(found, key=lambda row: (row[0], rank[row[1]]))
    stored = np.array([found[row][0] for row in order], np.int64)
    return MelRows(
        views=views,
        codes=np.array([o * len(views) + rank[view] for o, view in order], np.int64),
        frames=np.minimum(stored, max_frames),
        truncated=int((stored > max_frames).sum()),
        keys=tuple(found[row][1] for row in order),
    )


def require(utterances: Utterances, present: Collection[int], feature: str, which: str) -> None:
    """Stop when an utterance of the task has no row of a feature.

    Raises:
        PackError: the number of those utterances, the first ten, and what to run.
    """
    missing = [i for i in range(len(utterances.ordinals)) if i not in present]
    if not missing:
        return
    rows = utterances.table.take(missing)
    stages = " ".join(f"{feature}@{c}" for c in sorted(set(rows["corpus"].to_pylist())))
    raise PackError(
        f"{len(missing)} of {len(utterances.ordinals)} utterances have no {feature} row "
        f"({which}): {first(rows['utt_id'].to_pylist())}. Run `dvc repro {stages} catalog`; an "
        f"utterance without a transcript needs an ASR source, or `require_transcript` in its corpus"
    )


def first(ids: Sequence[str]) -> str:
    """The first ten of a list, for a message."""
    return ", ".join(ids[:10]) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")

"""The index of a tensor cache: a row per utterance and view, with its part in every fold."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.labels import Task
from pipeline.packing.rows import MelRows, PackError, Utterances, batches

SUBSETS = ("train", "val", "test")
NOT_USED = -1


@dataclass(frozen=True)
class Fold:
    """One fold of a split, over the utterances of a task."""

    split: str
    number: int
    subset: NDArray[np.int8]  # [utterances] index into SUBSETS, or NOT_USED

    @property
    def name(self) -> str:
        """The name of its column in the index."""
        return f"{self.split}/{self.number}"


def read_folds(split: str, path: Path, utterances: Utterances) -> list[Fold]:
    """The folds of a split, over the utterances of a task.

    Raises:
        PackError: an utterance is in one fold twice, or folds are not numbered from 0.
    """
    table = pq.read_table(path, columns=["utt_id", "fold", "subset"], partitioning=None)
    numbers = sorted(set(table["fold"].to_pylist()))
    if numbers != list(range(len(numbers))) or not numbers:
        raise PackError(f"{path}: expected folds 0, 1, 2, ..., found {numbers}")
    subsets = {n: np.full(len(utterances.ordinals), NOT_USED, np.int8) for n in numbers}
    for utt_id, fold, subset in _plain_rows(table):
        ordinal = utterances.ordinals.get(utt_id)
        if ordinal is None:
            continue
        taken = subsets[fold][ordinal]
        if taken != NOT_USED:
            raise PackError(
                f"split {split!r}, fold {fold}: {utt_id} is in {SUBSETS[taken]} and in {subset}; "
                f"an utterance must be on one side. Run `dvc repro split`"
            )
        subsets[fold][ordinal] = SUBSETS.index(subset)
    return [Fold(split, n, subsets[n]) for n in numbers]


def check_folds(folds: Iterable[Fold], utterances: Utterances, task: Task) -> Iterator[str]:
    """Warnings: what a fold lacks that it can do without.

    Raises:
        PackError: a class is absent from a training part, or there is no test part.
    """
    names = list(task.classes)
    for fold in folds:
        where = f"split {fold.split!r}, fold {fold.number}"
        absent = {
            subset: [
                names[c]
                for c in range(len(names))
                if not (utterances.classes[fold.subset == i] == c).any()
            ]
            for i, subset in enumerate(SUBSETS)
        }
        if absent["train"] or absent["test"] == names:
            subset = "train" if absent["train"] else "test"
            raise PackError(
                f"{where}: no utterance of {', '.join(absent[subset])} in the {subset} part; "
                f"choose a split that covers the corpora of this task, or other folds"
            )
        if absent["test"]:
            lost = ", ".join(absent["test"])
            yield f"{where}: no test utterance of {lost}; UA is the mean over the other classes"
        if absent["val"] == names:
            yield f"{where}: no validation part, so no run can choose its best epoch on it"
        if outside := int((fold.subset == NOT_USED).sum()):
            yield f"{where}: {outside} utterances of the task are not in this split"


def write_index(
    path: Path, utterances: Utterances, rows: MelRows, folds: Iterable[Fold], columns: pa.Table
) -> None:
    """Write index.parquet; `columns` are the soft labels and durations of `rows`."""
    repeated = utterances.table.take(rows.utterance)
    table = pa.table(
        {
            "utt_id": repeated["utt_id"],
            "utterance": pa.array(rows.utterance, pa.int32()),
            "view": pa.array([rows.views[rank] for rank in rows.rank], pa.string()),
            "label": pa.array(utterances.classes[rows.utterance], pa.int16()),
            "soft_label": columns["soft_label"],
            "speaker": repeated["speaker"],
            "corpus": repeated["corpus"],
            "frames": pa.array(rows.frames, pa.int32()),
            "duration_s": columns["duration_s"],
            **{fold.name: _subset_column(fold, rows) for fold in folds},
        }
    )
    pq.write_table(table, path, compression="zstd", row_group_size=65536, store_schema=False)


def describe_rows(
    views: Iterable[Path], utterances: Utterances, rows: MelRows, task: Task
) -> pa.Table:
    """Soft label and duration of each row: a view lasts as long as its own recipe made it."""
    soft = [task.shares(dict(s)) if s else None for s in utterances.table["soft_label"].to_pylist()]
    whole = utterances.table["duration_s"].to_numpy()
    duration = np.where(rows.rank == 0, whole[rows.utterance], np.nan)
    for batch in batches(views, ["utt_id", "view", "duration_s"]):
        for utt_id, view, seconds in _plain_rows(batch):
            ordinal = utterances.ordinals.get(utt_id)
            row = None if ordinal is None else rows.place(ordinal, view)
            if row is not None:
                duration[row] = seconds
    return pa.table(
        {
            "soft_label": pa.array([soft[i] for i in rows.utterance], pa.list_(pa.float32())),
            "duration_s": pa.array(duration, pa.float64(), from_pandas=True),
        }
    )


def _subset_column(fold: Fold, rows: MelRows) -> pa.Array:
    """A view follows its parent into the training part, and is used nowhere else."""
    subset = fold.subset[rows.utterance]
    used = (subset == SUBSETS.index("train")) | ((subset != NOT_USED) & (rows.rank == 0))
    return pa.array(SUBSETS).take(pa.array(np.where(used, subset, 0), mask=~used))


def _plain_rows(table: Any) -> Iterator[tuple[Any, ...]]:
    columns = table.values() if isinstance(table, Mapping) else table.columns
    return zip(*(column.to_pylist() for column in columns), strict=True)

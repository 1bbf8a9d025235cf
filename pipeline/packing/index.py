"""The index of a tensor cache: a row per utterance and view, with its part in every fold."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.labels import Task
from pipeline.packing.melrows import MelRows
from pipeline.packing.rows import LOOKUP_ROWS, PackError, Utterances, read_located
from pipeline.splitting.params import SUBSETS

NOT_USED = -1
SPLIT_ROWS = 1 << 20  # rows of a split (utterances x folds) in memory at once
SOFT_LABEL = pa.list_(pa.float32())
MAKE_ANEW = "an utterance is on one side of each fold. Run `dvc repro split`"


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
    subsets: dict[int, NDArray[np.int8]] = {}
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(SPLIT_ROWS, columns=["utt_id", "fold", "subset"]):
            fold, ordinals = np.asarray(batch["fold"]), utterances.find(batch["utt_id"])
            side = pc.fill_null(pc.index_in(batch["subset"], pa.array(SUBSETS)), NOT_USED)
            side = np.asarray(side, np.int8)
            if (side == NOT_USED).any():
                raise PackError(f"{path}: a subset is none of {', '.join(SUBSETS)}; {MAKE_ANEW}")
            for number in np.unique(fold).tolist():
                here = (fold == number) & (ordinals >= 0)
                taken = subsets.setdefault(number, np.full(len(utterances), NOT_USED, np.int8))
                _refuse_twice(split, number, utterances, taken, ordinals[here])
                taken[ordinals[here]] = side[here]
    if sorted(subsets) != list(range(len(subsets))) or not subsets:
        raise PackError(f"{path}: expected folds 0, 1, 2, ..., found {sorted(subsets)}")
    return [Fold(split, number, subsets[number]) for number in sorted(subsets)]


def _refuse_twice(
    split: str,
    fold: int,
    utterances: Utterances,
    taken: NDArray[np.int8],
    ordinals: NDArray[np.int64],
) -> None:
    """Stop when an utterance is to be placed in a fold that has it already."""
    again = (taken != NOT_USED) + np.bincount(ordinals, minlength=len(taken)) > 1
    if again.any():
        name = utterances.name(np.flatnonzero(again)[0])
        raise PackError(f"split {split!r}, fold {fold}: {name} is there twice; {MAKE_ANEW}")


def check_folds(
    folds: Iterable[Fold], utterances: Utterances, task: Task, chosen_on_test: Collection[str]
) -> Iterator[str]:
    """Warnings: what a fold lacks that it can do without.

    Args:
        chosen_on_test: splits that have no validation part but their test part.

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
        if absent["val"] == names and fold.split not in chosen_on_test:
            yield f"{where}: no validation part, so no run can choose its best epoch on it"
        if outside := int((fold.subset == NOT_USED).sum()):
            yield f"{where}: {outside} utterances of the task are not in this split"


def write_index(
    path: Path, utterances: Utterances, rows: MelRows, folds: Iterable[Fold], columns: pa.Table
) -> None:
    """Write index.parquet; `columns` are soft labels, durations and ratings of `rows`."""
    repeated = utterances.table.select(["utt_id", "speaker", "corpus"]).take(
        pa.array(rows.utterance)
    )
    ratings = [name for name in columns.column_names if name not in ("soft_label", "duration_s")]
    table = pa.table(
        {
            "utt_id": repeated["utt_id"],
            "utterance": pa.array(rows.utterance, pa.int32()),
            "view": pa.array(rows.views).take(pa.array(rows.rank)),
            "label": pa.array(utterances.classes[rows.utterance], pa.int16()),
            "soft_label": columns["soft_label"],
            "speaker": repeated["speaker"],
            "corpus": repeated["corpus"],
            "frames": pa.array(rows.frames, pa.int32()),
            "duration_s": columns["duration_s"],
            **{name: columns[name] for name in ratings},
            **{fold.name: _subset_column(fold, rows) for fold in folds},
        }
    )
    pq.write_table(table, path, compression="zstd", row_group_size=65536, store_schema=False)


def describe_rows(
    views: Iterable[Path],
    utterances: Utterances,
    rows: MelRows,
    task: Task,
    dimensions: Iterable[str],
) -> pa.Table:
    """Soft label, duration and ratings of each row.

    A view lasts as long as its own recipe made it, and is rated as its original.
    """
    soft = _soft_labels(utterances, task).take(pa.array(rows.utterance))
    whole = utterances.table["duration_s"].to_numpy()
    duration = np.where(rows.rank == 0, whole[rows.utterance], np.nan)
    for ordinals, table in read_located(views, ["view", "duration_s"], utterances):
        at = rows.places(ordinals, table["view"])
        duration[at[at >= 0]] = np.asarray(table["duration_s"])[at >= 0]
    seconds = pa.array(duration, pa.float64(), from_pandas=True)
    ratings = utterances.table.select(list(dimensions)).take(pa.array(rows.utterance))
    rated = dict(zip(ratings.column_names, ratings.columns, strict=True))
    return pa.table({"soft_label": soft, "duration_s": seconds, **rated})


def _soft_labels(utterances: Utterances, task: Task) -> pa.ChunkedArray:
    """The raters' shares of the task's classes, of each utterance."""
    batches = utterances.table.select(["soft_label"]).to_batches(LOOKUP_ROWS)
    shares = ([task.shares(dict(s)) if s else None for s in b[0].to_pylist()] for b in batches)
    return pa.chunked_array((pa.array(s, SOFT_LABEL) for s in shares), SOFT_LABEL)


def _subset_column(fold: Fold, rows: MelRows) -> pa.Array:
    """A view follows its parent into the training part, and is used nowhere else."""
    subset = fold.subset[rows.utterance]
    used = (subset == SUBSETS.index("train")) | ((subset != NOT_USED) & (rows.rank == 0))
    return pa.array(SUBSETS).take(pa.array(np.where(used, subset, 0), mask=~used))

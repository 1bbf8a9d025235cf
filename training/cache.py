"""The tensor cache: what a folder of packed features holds, read without copying it into memory."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from torch import Tensor

from training.digests import column_bytes, file_digest, rows_digest
from training.mapped import map_tensors
from training.meta import META, read_meta

INDEX = "index.parquet"
ORIGINAL = "original"
SUBSETS = ("train", "val", "test")
_COLUMNS = ("utt_id", "utterance", "view", "label", "speaker", "corpus", "frames")
_DURATION = "duration_s"


@dataclass(frozen=True)
class TensorCache:
    """One task's features.

    Rows are utterances x views; the text tensors have one entry per utterance, `utterance` leads to
    it.

    Shape:
        utterance, label, frames: (rows,) int64; view: (rows,) str
    """

    folder: Path
    meta: dict[str, Any]
    index: pa.Table
    utterance: NDArray[np.int64]
    label: NDArray[np.int64]
    frames: NDArray[np.int64]
    view: NDArray[np.str_]

    @cached_property
    def utt_ids(self) -> list[str]:
        """The utterance's name, row by row."""
        names: list[str] = self.index["utt_id"].to_pylist()
        return names

    @cached_property
    def durations_s(self) -> NDArray[np.float64]:
        """Seconds of each row."""
        return self.index[_DURATION].to_numpy()  # type: ignore[no-any-return]

    @property
    def classes(self) -> list[str]:
        """Class names in the order of the label index."""
        names: list[str] = self.meta["classes"]
        return names

    @property
    def dimensions(self) -> list[str]:
        """What its utterances are rated on besides, as arousal; each a column of the index."""
        names: list[str] = self.meta["dimensions"]
        return names

    @cached_property
    def ratings(self) -> NDArray[np.float32]:
        """The ratings of each row on the scale of its corpus, NaN where unknown.

        Shape:
            output: (rows, dimensions)
        """
        columns = [self.index[name].to_numpy() for name in self.dimensions]
        found = np.empty((len(self.label), len(columns)), np.float32)
        for i, column in enumerate(columns):
            found[:, i] = column
        return found

    def folds(self, split: str) -> int:
        """Number of folds of a split.

        Raises:
            ValueError: the cache has no such split.
        """
        if split not in self.meta["splits"]:
            known = sorted(self.meta["splits"])
            raise ValueError(f"{self.folder} has no split {split!r}, only {known}")
        return int(self.meta["splits"][split]["folds"])

    def rows(self, split: str, fold: int, subset: str) -> NDArray[np.int64]:
        """Rows of the original recordings of one subset (train, val or test), in index order.

        Where a split's best epoch is chosen on its test part, that is its validation part too.

        Raises:
            ValueError: unknown split or fold, an empty subset, or a view on another side than its
                original.
        """
        if not 0 <= fold < self.folds(split):
            raise ValueError(f"split {split!r} has folds 0..{self.folds(split) - 1}, not {fold}")
        column = f"{split}/{fold}"
        if column not in self.index.column_names:
            raise ValueError(
                f"{self.folder / INDEX} has no column {column!r}: pack the cache again"
            )
        side = np.array(self.index[column].fill_null("").to_pylist(), dtype=np.str_)
        self._refuse_leaks(column, side)
        if subset == "val":
            subset = self.meta["splits"][split]["chosen_on"]
        found = np.flatnonzero((side == subset) & (self.view == ORIGINAL))
        if len(found) == 0:
            raise ValueError(f"fold {fold} of split {split!r} has no {subset!r} utterances")
        return found

    def rows_key(self, split: str, fold: int, *, heard: bool, rated: bool, timed: bool) -> str:
        """32 hexadecimal digits of the rows (names, labels, lengths) and their part in a fold.

        Unless `heard`, of the original rows without their number of frames: to a run without audio
        neither views nor frames exist. With the ratings only if `rated`, and with the seconds only
        if `timed`: by them the times of words are those of a view.
        """
        side = f"{split}/{fold}"
        columns = [side] if side in self.index.column_names else []
        columns += self.dimensions if rated else []
        columns += [_DURATION] if timed else []
        shown = slice(None) if heard else self.view == ORIGINAL
        digest = (self._all_rows if heard else self._originals).copy()
        for name in columns:
            digest.update(column_bytes(self.index, name, shown))
        return digest.hexdigest()

    @cached_property
    def _all_rows(self) -> hashlib.blake2b:
        return rows_digest(self.index, _COLUMNS, slice(None))

    @cached_property
    def _originals(self) -> hashlib.blake2b:
        columns = [name for name in _COLUMNS if name != "frames"]
        return rows_digest(self.index, columns, self.view == ORIGINAL)

    def view_rows(self, view: str) -> NDArray[np.int64]:
        """The row of each utterance's view, -1 where it has none; (utterances,)."""
        rows = np.flatnonzero(self.view == view)
        table = np.full(int(self.meta["utterances"]), -1, dtype=np.int64)
        table[self.utterance[rows]] = rows
        return table

    def tensors(self, name: str) -> dict[str, Tensor]:
        """The tensors of one file, memory-mapped, not to be written to.

        Raises:
            ValueError: the file is missing or damaged.
        """
        path = self.folder / f"{name}.safetensors"
        if not path.is_file():
            raise ValueError(f"{path} is missing: pack the task again, or copy the whole folder")
        try:
            return map_tensors(path)
        except (ValueError, KeyError, TypeError) as error:  # whatever damage does to a header
            raise ValueError(f"{path} cannot be read ({error}): pack or copy it again") from error

    def verify(self) -> None:
        """Compare every file with the digest in meta.json, in one pass over the bytes.

        Raises:
            ValueError: a file is missing or differs, as after an interrupted copy.
        """
        for name, expected in self.meta["files"].items():
            path = self.folder / name
            if not path.is_file():
                raise ValueError(f"{path} is missing: copy the whole folder")
            if (found := file_digest(path, len(expected) // 2)) != expected:
                raise ValueError(
                    f"{path} has the digest {found}, meta.json says {expected}: copy it again"
                )

    def _refuse_leaks(self, column: str, side: NDArray[np.str_]) -> None:
        if unknown := sorted(set(side) - {"", *SUBSETS}):
            raise ValueError(
                f"column {column!r} holds {list(map(str, unknown))}, expected {SUBSETS} or null"
            )
        parent = side[self.view_rows(ORIGINAL)[self.utterance]]
        if len(bad := np.flatnonzero((side != "") & (side != parent))):
            row = bad[0]
            raise ValueError(
                f"column {column!r}: view '{self.view[row]}' of {self.utt_ids[row]} is in "
                f"'{side[row]}', its original in '{parent[row]}': pack the task again"
            )


def open_cache(folder: Path) -> TensorCache:
    """The cache in a folder; large files are opened on demand.

    Raises:
        ValueError: the folder is no complete cache of this format, or its index contradicts its
            meta.json.
    """
    meta = read_meta(folder / META)
    path = folder / INDEX
    if not path.is_file():
        raise ValueError(f"{path} is missing: pack the task again, or copy the whole folder")
    index = pq.read_table(path)
    wanted = (*_COLUMNS, _DURATION, *meta["dimensions"])
    if missing := [name for name in wanted if name not in index.column_names]:
        raise ValueError(f"{path} lacks the columns {missing}: pack the task again")
    cache = TensorCache(
        folder=folder,
        meta=meta,
        index=index,
        utterance=_integers(index, "utterance"),
        label=_integers(index, "label"),
        frames=_integers(index, "frames"),
        view=np.array(index["view"].to_pylist(), dtype=np.str_),
    )
    _check_index(cache)
    return cache


def _integers(index: pa.Table, name: str) -> NDArray[np.int64]:
    if index[name].null_count:
        raise ValueError(f"{INDEX}: column {name!r} has nulls")
    return index[name].to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def _check_index(cache: TensorCache) -> None:
    meta, rows = cache.meta, cache.index.num_rows
    originals = cache.utterance[cache.view == ORIGINAL]
    laws = (
        (rows == meta["rows"], f"{rows} rows, meta.json says {meta['rows']}"),
        (
            np.array_equal(originals, np.arange(meta["utterances"])),
            f"not exactly one original row for each of {meta['utterances']} utterances, in order",
        ),
        (
            rows > 0 and cache.label.min() >= 0 and cache.label.max() < len(meta["classes"]),
            f"labels outside the {len(meta['classes'])} classes",
        ),
        (rows > 0 and cache.frames.min() >= 1, "a row without frames"),
        (
            not cache.dimensions or set(meta["scales"]) >= set(cache.index["corpus"].to_pylist()),
            f"corpora without a scale; meta.json tells those of {sorted(meta['scales'])}",
        ),
    )
    for holds, complaint in laws:
        if not holds:
            raise ValueError(f"{cache.folder / INDEX}: {complaint}; pack the task again")

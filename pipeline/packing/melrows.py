"""Which spectrograms a tensor cache holds, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.packing.rows import PackError, Utterances, joined, read_located, require
from pipeline.rows.mel import ORIGINAL


@dataclass(frozen=True)
class MelRows:
    """The rows of the index: utterance x view, sorted by utterance, the original first."""

    views: tuple[str, ...]  # by rank; rank 0 is the original
    codes: NDArray[np.int64]  # [rows] ordinal * len(views) + rank, ascending
    frames: NDArray[np.int64]  # [rows] as kept
    truncated: int  # rows longer than the task's max_frames
    keys: pa.ChunkedArray  # [rows]

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

    def place(self, utterance: int, view: str) -> int:
        """The row of a view that is there."""
        code = utterance * len(self.views) + self.views.index(view)
        return int(np.searchsorted(self.codes, code))

    def places(self, utterance: NDArray[np.int64], views: pa.Array) -> NDArray[np.int64]:
        """The rows of some views of some utterances: [views], -1 where there is none."""
        rank = np.asarray(pc.fill_null(pc.index_in(views, pa.array(self.views)), -1), np.int64)
        code = utterance * len(self.views) + rank
        row = np.minimum(np.searchsorted(self.codes, code), len(self.codes) - 1)
        return np.where((rank >= 0) & (self.codes[row] == code), row, -1)


def plan_mel(shards: Iterable[Path], utterances: Utterances, max_frames: int) -> MelRows:
    """The spectrograms of a task: the original of every utterance, and its views.

    Raises:
        PackError: an utterance has no original, a row occurs twice or has no frame.
    """
    names, parts = [ORIGINAL], [_no_mel_rows()]
    for ordinals, table in read_located(shards, ["view", "frames", "key"], utterances):
        names += [name for name in pc.unique(table["view"]).to_pylist() if name not in names]
        number = np.asarray(pc.index_in(table["view"], pa.array(names)), np.int16)
        parts.append((ordinals, number, np.asarray(table["frames"], np.int32), table["key"]))
    views = (ORIGINAL, *sorted(names[1:]))
    rank = np.array([views.index(name) for name in names], np.int64)
    of_utterance, number, stored = (np.concatenate([part[i] for part in parts]) for i in range(3))
    codes = of_utterance * len(views) + rank[number]
    order = np.argsort(codes, kind="stable")
    codes, frames = codes[order], stored[order].astype(np.int64)
    _refuse_odd_rows(codes, frames, views, utterances)
    require(utterances, of_utterance[number == 0], "mel", "view 'original'")
    return MelRows(
        views=views,
        codes=codes,
        frames=np.minimum(frames, max_frames),
        truncated=int((frames > max_frames).sum()),
        keys=joined(part[3] for part in parts).take(pa.array(order)),
    )


def _no_mel_rows() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], pa.ChunkedArray]:
    none = np.empty(0, np.int64)
    return none, none.astype(np.int16), none.astype(np.int32), joined([])


def _refuse_odd_rows(
    codes: NDArray[np.int64],
    frames: NDArray[np.int64],
    views: tuple[str, ...],
    utterances: Utterances,
) -> None:
    again = np.r_[False, codes[1:] == codes[:-1]]
    if len(odd := np.flatnonzero(again | (frames < 1))):
        ordinal, rank = divmod(int(codes[odd[0]]), len(views))
        wrong = "two rows" if again[odd[0]] else "no frame"
        name = utterances.name(ordinal)
        raise PackError(f"{name}: the view {views[rank]!r} has {wrong} in the mel store")

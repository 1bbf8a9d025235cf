"""Mean and deviation of spectrograms: those of the training part, or each speaker's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.cache import ORIGINAL, TensorCache
from training.train_settings import Statistics

ONE_GROUP = torch.zeros(0, dtype=torch.int64)
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation of each mel bin: one pair for all, or one for each of several groups.

    Shape:
        mean, std: (groups, n_mels) float32; group: (rows,) int64, that of each row of the cache,
            where there are several
    """

    mean: Tensor
    std: Tensor
    group: Tensor

    def __call__(self, mel: Tensor, rows: Tensor) -> Tensor:
        """Centre and scale, in place, the spectrograms (B, T, n_mels) of some rows (B,)."""
        shift, scale = self._affine
        if len(self.mean) > 1:
            shift, scale = shift[self.group[rows]], scale[self.group[rows]]
        shift, scale = (x[:, None].to(mel.device, non_blocking=True) for x in (shift, scale))
        return torch.addcmul(shift, mel, scale, out=mel)

    @cached_property
    def _affine(self) -> tuple[Tensor, Tensor]:
        """(x - mean) / std as shift + x * scale: one pass over the spectrograms."""
        return -self.mean / self.std, 1 / self.std


def fit_normalisation(cache: TensorCache, rows: Rows, statistics: Statistics) -> Normalisation:
    """Statistics of the frames of some rows, or of all original recordings of each speaker.

    The latter is transductive: it looks at the recordings, though not the labels, of those that a
    model is tested on.

    Raises:
        ValueError: statistics of speakers are asked for, and a recording has no speaker.
    """
    if statistics == "train":
        return Normalisation(*_statistics(cache, [rows]), ONE_GROUP)
    group, n = speakers(cache)
    originals = cache.view_rows(ORIGINAL)
    of_speakers = originals[np.argsort(group[originals], kind="stable")]
    heard = np.split(of_speakers, np.bincount(group[originals], minlength=n).cumsum()[:-1])
    return Normalisation(*_statistics(cache, heard), torch.from_numpy(group))


def speakers(cache: TensorCache) -> tuple[NDArray[np.int64], int]:
    """The speaker of each row as a number, and how many there are; of each corpus its own."""
    names = cache.index["speaker"].to_pylist()
    if None in names:
        row = names.index(None)
        raise ValueError(
            f"{cache.utt_ids[row]} has no speaker, so training.normalisation cannot be `speaker`: "
            "use `train`, or name the speakers of the corpus"
        )
    pairs = [f"{c}/{s}" for c, s in zip(cache.index["corpus"].to_pylist(), names, strict=True)]
    known, number = np.unique(np.array(pairs), return_inverse=True)
    return number.astype(np.int64), len(known)


def sums_to_statistics(
    total: NDArray[np.float64], squares: NDArray[np.float64], frames: int | NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation per bin from sums over frames; a bin that never varies gets deviation 1.

    Shape:
        total, squares: (..., n_mels) sums of values and of their squares; frames: (..., 1)
    """
    mean = total / frames
    variance = squares / frames - mean**2
    # The difference of two sums in float64 leaves about this much of a constant.
    constant = variance <= 1e-9 * np.maximum(mean**2, 1.0)
    return mean, np.sqrt(np.where(constant, 1.0, variance))


def _statistics(cache: TensorCache, groups: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each group, from the sums stored with each row."""
    mel = cache.tensors("mel")
    columns = (mel["sum"].numpy(), mel["sum_squares"].numpy(), cache.frames[:, None])
    sums = (np.stack([column[rows].sum(axis=0) for rows in groups]) for column in columns)
    mean, std = sums_to_statistics(*sums)
    return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(std.astype(np.float32))

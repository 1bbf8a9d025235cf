"""Sequences of different lengths without padding, as the tensor cache stores them."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.cache import TensorCache
from training.recycled import Recycled


@dataclass(frozen=True)
class Padded:
    """B sequences side by side; past their ends stands anything until `clear`.

    Shape:
        values: (B, T, ...); lengths: (B,) int64 on the host; past: of each row the part past its
            end, or on a GPU a mask (B, T) of it
    """

    values: Tensor
    lengths: Tensor
    past: tuple[Tensor, ...] | Tensor

    def clear(self) -> Tensor:
        """The values, with zeros, in place, past the ends."""
        if isinstance(self.past, Tensor):
            rest = [1] * (self.values.dim() - 2)
            return self.values.masked_fill_(self.past.view(*self.past.shape, *rest), 0)
        torch._foreach_zero_(self.past)
        return self.values


@dataclass(frozen=True)
class Ragged:
    """Sequences end to end in one tensor; row i is values[offsets[i] : offsets[i + 1]].

    Shape:
        values: (total, ...); offsets: (rows + 1,) int64
    """

    values: Tensor
    offsets: Tensor

    def pad(
        self, rows: Tensor, dtype: torch.dtype, room: Recycled, size: int | None = None
    ) -> Padded:
        """The rows side by side, as another type, up to the longest of them or to a larger size.

        Gathered all at once on the device that the values lie on; offsets and lengths stay on the
        host, so that nothing has to wait for the device.

        Shape:
            rows: (B,)
        """
        offsets, at = self.offsets.numpy(), rows.numpy()
        start = offsets[at]
        lengths = offsets[at + 1] - start
        size = self.longest(rows) if size is None else size
        if self.values.device.type == "cpu":
            out = room((len(rows), size, *self._shape), dtype)
            return Padded(out, torch.from_numpy(lengths), self._copied(start, lengths, out))
        step = torch.arange(size, device=self.values.device)
        first, count = (
            torch.from_numpy(x).to(step.device, non_blocking=True)[:, None]
            for x in (start, lengths)
        )
        place = first + step.minimum(count - 1)
        values = self.values.index_select(0, place.flatten())
        values = values.view(*place.shape, *self._shape).to(dtype)
        return Padded(values, torch.from_numpy(lengths), step >= count)

    def longest(self, rows: Tensor) -> int:
        """The length of the longest of some rows (B,)."""
        return int((self.offsets[rows + 1] - self.offsets[rows]).max())

    def to(self, device: torch.device | str) -> "Ragged":
        """The same with its values on `device`."""
        return Ragged(self.values.to(device), self.offsets)

    @property
    def _shape(self) -> torch.Size:
        return self.values.shape[1:]

    def _copied(
        self, start: NDArray[np.int64], lengths: NDArray[np.int64], out: Tensor
    ) -> tuple[Tensor, ...]:
        """Rows from the file's pages into their places, in a single call; what lies past them."""
        past = out.shape[1] - lengths
        places = out.flatten(0, 1).split_with_sizes(
            np.stack([lengths, past], axis=1).ravel().tolist()
        )
        # The file cut into these rows and what lies between them; a row may be shown twice.
        first, one, which = np.unique(start, return_index=True, return_inverse=True)
        cuts = np.empty((len(first), 2), dtype=np.int64)
        cuts[:, 1] = lengths[one]
        cuts[0, 0] = first[0]
        cuts[1:, 0] = first[1:] - first[:-1] - cuts[:-1, 1]
        rest = len(self.values) - int(cuts.sum())
        pieces = self.values.split_with_sizes([*cuts.ravel().tolist(), rest])[1::2]
        torch._foreach_copy_(places[::2], [pieces[i] for i in which.tolist()])
        return places[1::2]


def rounded(size: int) -> int:
    """The next of a few lengths, four to each power of two: at most a quarter longer.

    >>> [rounded(n) for n in (3, 9, 33, 41, 1500)]
    [3, 10, 40, 48, 1536]
    """
    step = 1 << max(0, size.bit_length() - 3)
    return -(-size // step) * step


def open_ragged(cache: TensorCache, name: str, values: str, rows: int) -> Ragged:
    """The sequences of one file of the cache, memory-mapped.

    Raises:
        ValueError: the file is missing or damaged, does not hold this many rows, or one is empty.
    """
    tensors = cache.tensors(name)
    offsets = tensors["offsets"]
    if len(offsets) != rows + 1 or offsets[0] != 0 or offsets[-1] != len(tensors[values]):
        raise ValueError(
            f"{cache.folder}: {name}.safetensors does not hold {rows} rows; pack again"
        )
    if len(empty := (offsets.diff() < 1).nonzero()):
        raise ValueError(
            f"{cache.folder}: row {int(empty[0])} of {name}.safetensors holds nothing, every row "
            "must hold at least one step; pack again"
        )
    return Ragged(tensors[values], offsets)

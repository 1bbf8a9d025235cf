"""Sequences of different lengths without padding, as the tensor cache stores them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from training.cache import TensorCache


@dataclass(frozen=True)
class Ragged:
    """Sequences end to end in one tensor; row i is values[offsets[i] : offsets[i + 1]].

    Shape:
        values: (total, ...); offsets: (rows + 1,) int64
    """

    values: Tensor
    offsets: Tensor

    def pad(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The rows' values end to end (sum of lengths, ...), lengths (B,) and mask (B, longest)."""
        start = self.offsets[rows]
        lengths = self.offsets[rows + 1] - start
        step = torch.arange(int(lengths.max()))
        mask = step < lengths[:, None]
        return self.values[(start[:, None] + step)[mask]], lengths, mask


def open_ragged(cache: TensorCache, name: str, values: str, rows: int) -> Ragged:
    """The sequences of one file of the cache, memory-mapped.

    Raises:
        ValueError: the file is missing or damaged, or does not hold this many rows.
    """
    tensors = cache.tensors(name)
    offsets = tensors["offsets"]
    if len(offsets) != rows + 1 or int(offsets[-1]) != len(tensors[values]):
        raise ValueError(
            f"{cache.folder}: {name}.safetensors does not hold {rows} rows; pack again"
        )
    return Ragged(tensors[values], offsets)


def lay_out(values: Tensor, mask: Tensor) -> Tensor:
    """(sum of lengths, ...) laid out by the mask (B, T) -> (B, T, ...), zero elsewhere."""
    out = values.new_zeros(*mask.shape, *values.shape[1:])
    out[mask] = values
    return out

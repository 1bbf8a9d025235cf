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
        """The rows side by side, each repeating its last value up to the longest.

        Gathered all at once on the device that the values lie on; offsets and lengths stay on the
        host, so that nothing has to wait for the device.

        Shape:
            rows: (B,); output: values (B, longest, ...), lengths (B,), mask (B, longest) on the
                device, True up to each length
        """
        device = self.values.device
        start = self.offsets[rows]
        lengths = self.offsets[rows + 1] - start
        step = torch.arange(int(lengths.max()), device=device)
        first, count = (x.to(device, non_blocking=True)[:, None] for x in (start, lengths))
        place = first + step.minimum(count - 1)
        values = self.values.index_select(0, place.flatten())
        return values.view(*place.shape, *values.shape[1:]), lengths, step < count

    def to(self, device: torch.device | str) -> "Ragged":
        """The same with its values on `device`."""
        return Ragged(self.values.to(device), self.offsets)


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


def clear_padding(values: Tensor, mask: Tensor) -> Tensor:
    """Zeros, in place, where the mask (B, T) of some values (B, T, ...) is False; the values."""
    return values.masked_fill_(~mask.view(*mask.shape, *[1] * (values.dim() - 2)), 0)

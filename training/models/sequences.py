"""Sequences of different lengths in one padded tensor: masks, means, and changes of length."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

FIXED_STEPS = 60  # the common length of UMONS, where `align: fixed60` cuts or pads


class Stream(NamedTuple):
    """B padded sequences.

    Shape:
        values: (B, T, d)
        lengths: (B,) int64 on the host, 1 <= length <= T
        mask: (B, T) bool, True = valid: mask[b, t] = t < lengths[b]. Only where `BertFusion`
            joins in time are there as many, but not the first ones
    """

    values: Tensor
    lengths: Tensor
    mask: Tensor


def length_mask(lengths: Tensor, size: int, device: torch.device | str) -> Tensor:
    """True on the first `lengths[b]` of `size` positions; (B,) -> (B, size)."""
    return torch.arange(size, device=device) < lengths.to(device, non_blocking=True)[:, None]


def ranges(start: Tensor, count: Tensor, device: torch.device | str) -> Tensor:
    """The numbers from start[i], `count[i]` of them, for each i in turn; (n,) -> (sum of count,).

    Made on the device, from what the host knows: two numbers for each i go there, and how many come
    out need not be asked of it.

    >>> ranges(torch.tensor([0, 10]), torch.tensor([2, 3]), "cpu").tolist()
    [0, 1, 10, 11, 12]
    """
    size = int(count.sum())
    ahead = start - (count.cumsum(0) - count)  # of the numbers 0, 1, ... of all
    ahead, count = (x.to(device, non_blocking=True) for x in (ahead, count))
    ahead = ahead.repeat_interleave(count, output_size=size)
    return torch.arange(size, device=device).add_(ahead)


def make_stream(values: Tensor, lengths: Tensor) -> Stream:
    """A stream of padded values (B, T, d) and host lengths (B,)."""
    return Stream(values, lengths, length_mask(lengths, values.shape[1], values.device))


def blank(values: Tensor, mask: Tensor) -> Tensor:
    """(B, T, ...) with zeros where the mask (B, T) is False, whatever stood there."""
    return values.masked_fill(~mask.view(*mask.shape, *[1] * (values.dim() - 2)), 0.0)


def masked_mean(stream: Stream) -> Tensor:
    """Mean over valid positions; (B, T, d) -> (B, d).

    >>> x = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]])
    >>> masked_mean(make_stream(x, torch.tensor([2])))
    tensor([[2., 3.]])
    """
    total = blank(stream.values, stream.mask).sum(dim=1)
    return total / stream.mask.sum(dim=1, keepdim=True)


def masked_max(stream: Stream) -> Tensor:
    """Maximum over valid positions; (B, T, d) -> (B, d)."""
    return stream.values.masked_fill(~stream.mask[..., None], float("-inf")).amax(dim=1)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last dimension, exactly 0 where the mask (as wide, or broadcast) is False.

    >>> masked_softmax(torch.zeros(3), torch.tensor([True, True, False]))
    tensor([0.5000, 0.5000, 0.0000])
    """
    return scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)


def resample(stream: Stream, lengths: Tensor, size: int) -> Tensor:
    """Each sequence stretched linearly over its valid part to a new length, ends on ends.

    Output t reads the source at p = clamp((t + 0.5) * L / L' - 0.5, 0, L - 1), between floor(p) and
    the next.

    Shape:
        stream: (B, T, d) of lengths L; lengths: (B,) the new lengths L'; output (B, size, d), zero
            from L' on
    """
    device = stream.values.device
    old, new = (
        x.to(device, torch.float32, non_blocking=True)[:, None] for x in (stream.lengths, lengths)
    )
    t = torch.arange(size, device=device, dtype=torch.float32)
    p = ((t + 0.5) * old / new - 0.5).clamp(min=0).minimum(old - 1)
    low = p.floor()
    share = (p - low).to(stream.values.dtype)[..., None]
    left = _take(stream.values, low.long())
    right = _take(stream.values, (low + 1).minimum(old - 1).long())
    return blank((1 - share) * left + share * right, length_mask(lengths, size, device))


def average_groups(stream: Stream, size: int) -> Stream:
    """Means of every `size` valid steps and of the rest at the end.

    Shape:
        stream: (B, T, d) of lengths L; output stream (B, ceil(T / size), d) of ceil(L / size)
    """
    values = blank(stream.values, stream.mask)
    if size == 1:
        return stream._replace(values=values)
    groups = -(-values.shape[1] // size)
    values = F.pad(values, (0, 0, 0, groups * size - values.shape[1]))
    start = torch.arange(groups, device=values.device) * size
    lengths = stream.lengths.to(values.device, non_blocking=True)
    count = (lengths[:, None] - start).clamp(min=1, max=size)
    means = values.view(len(values), groups, size, -1).sum(dim=2) / count[..., None]
    return make_stream(means, (stream.lengths + size - 1) // size)


def pool_to(stream: Stream, lengths: Tensor, size: int) -> Tensor:
    """Each sequence averaged over its valid part into a new length.

    Output t is the mean of the source from floor(t L / L') to ceil((t + 1) L / L'), never empty.

    Shape:
        stream: (B, T, d) of lengths L; lengths: (B,) the new lengths L'; output (B, size, d), zero
            from L' on
    """
    device = stream.values.device
    old, new = (x.to(device, non_blocking=True)[:, None] for x in (stream.lengths, lengths))
    t = torch.arange(size, device=device)
    start, stop = t * old // new, ((t + 1) * old + new - 1) // new  # (B, size)
    source = torch.arange(stream.values.shape[1], device=device)
    inside = (source >= start[..., None]) & (source < stop[..., None]) & stream.mask[:, None]
    weight = inside / (stop - start)[..., None]  # (B, size, T)
    pooled = weight.to(stream.values.dtype) @ blank(stream.values, stream.mask)
    return blank(pooled, length_mask(lengths, size, device))


def cut(stream: Stream, size: int) -> Stream:
    """Each sequence cut to at most `size` positions."""
    return make_stream(stream.values[:, :size], stream.lengths.clamp(max=size))


def fit_length(stream: Stream, size: int) -> Stream:
    """Each sequence cut or padded with zeros to `size` positions."""
    values = blank(stream.values, stream.mask)[:, :size]
    padded = F.pad(values, (0, 0, 0, size - values.shape[1]))
    return make_stream(padded, stream.lengths.clamp(max=size))


def _take(values: Tensor, index: Tensor) -> Tensor:
    """values[b, index[b, t]]; (B, T, d), (B, S) -> (B, S, d)."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[2]))

"""Attention and masked batch norm as one writes them first, with the weights of ours."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.attention import MultiHeadAttention
from training.models.norm import EPS, MOMENTUM, MaskedBatchNorm
from training.models.sequences import Stream, length_mask


def attend_in_parts(self: MultiHeadAttention, query: Tensor, keys: Stream) -> Tensor:
    """Attention as its equation has it."""
    q, k, v = self.q(query), self.k(keys.values), self.v(keys.values)
    q, k, v = (x.view(*x.shape[:2], self.heads, -1).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~keys.mask[:, None, None, :], float("-inf"))
    weights = F.dropout(scores.softmax(dim=-1), self.dropout, self.training)
    return self.out((weights @ v).transpose(1, 2).flatten(2))


def normalise_under_mask(self: MaskedBatchNorm, x: Tensor, lengths: Tensor) -> Tensor:
    """Masked batch norm over the whole padded tensor."""
    mask = length_mask(lengths, x.shape[1], x.device)
    mask = mask.view(*mask.shape, *[1] * (x.dim() - 2)).float()
    axes = tuple(range(x.dim() - 1))
    mean, var = self.running_mean, self.running_var
    if self.training:
        n = mask.sum() * math.prod(x.shape[2:-1])
        mean = (x * mask).sum(dim=axes) / n
        var = (((x - mean) * mask) ** 2).sum(dim=axes) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean, MOMENTUM)
            self.running_var.lerp_(var * n / (n - 1), MOMENTUM)
    return ((x - mean) / torch.sqrt(var + EPS) * self.weight + self.bias) * mask


@contextmanager
def written_out(*parts: type[nn.Module]) -> Iterator[None]:
    """Inside, some kinds of layers compute as one writes them first."""
    plain = {MultiHeadAttention: attend_in_parts, MaskedBatchNorm: normalise_under_mask}
    kept = {part: part.forward for part in parts}
    for part in parts:
        part.forward = plain[part]
    try:
        yield
    finally:
        for part, forward in kept.items():
            part.forward = forward

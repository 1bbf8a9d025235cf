"""Batch normalisation that sees valid positions only."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.distributed import sum_over_processes, world_size
from training.models.sequences import ranges

MOMENTUM = 0.1
EPS = 1e-5


class MaskedBatchNorm(nn.Module):
    """Batch norm over the valid steps of a padded batch.

    With ordinary batch norm the padding enters the statistics, and what a network learns depends on
    how much padding its batches happen to have. Valid steps are gathered, normalised and put back,
    so that padding cannot even change a rounding.

    Shape:
        x: (B, T, C) or (B, T, F, C), channels last; lengths: (B,) on the host; output as x, zero in
            the padding
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        size = x.shape[:2]
        valid = ranges(torch.arange(size[0]) * size[1], lengths, x.device)
        steps = x.flatten(0, 1).index_select(0, valid)  # (steps, C) or (steps, F, C)
        normal = self._normalise(steps.reshape(-1, x.shape[-1])).view_as(steps).to(x.dtype)
        padded = normal.new_zeros(size.numel(), *x.shape[2:])
        return padded.index_copy(0, valid, normal).view(x.shape)

    def _normalise(self, x: Tensor) -> Tensor:
        x = x.to(torch.promote_types(x.dtype, torch.float32))  # bfloat16 sums lose too much
        if self.training and world_size() > 1:
            return self._normalise_jointly(x)
        if self.training and len(x) == 1:
            return self._normalise_one(x)
        running = (self.running_mean, self.running_var)
        return F.batch_norm(x, *running, self.weight, self.bias, self.training, MOMENTUM, EPS)

    def _normalise_jointly(self, x: Tensor) -> Tensor:
        """By the statistics of the steps of all processes."""
        sums = sum_over_processes(torch.cat([x.sum(dim=0), x.new_full((1,), len(x))]))
        n = sums[-1]
        mean = sums[:-1] / n
        var = sum_over_processes((x - mean).square().sum(dim=0)) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean, MOMENTUM)
            unbiased = torch.where(n > 1, var * n / (n - 1).clamp(min=1), self.running_var)
            self.running_var.lerp_(unbiased, MOMENTUM)
        return (x - mean) * (var + EPS).rsqrt() * self.weight + self.bias

    def _normalise_one(self, x: Tensor) -> Tensor:
        """One value is its own mean and says nothing of the variance: the running one stays."""
        with torch.no_grad():
            self.running_mean.lerp_(x[0], MOMENTUM)
        return self.bias + 0.0 * x

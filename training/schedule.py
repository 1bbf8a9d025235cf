"""The optimiser, and its learning rate as a function of the step."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from training.train_settings import Optimiser

ONE_CYCLE_START = 1 / 25  # of the highest rate
ONE_CYCLE_END = 1e-4 / 25
HALVINGS = 2  # of a plateau, as in UMONS


def make_optimiser(
    parameters: Iterable[nn.Parameter], settings: Optimiser
) -> torch.optim.Optimizer:
    """Adam, whose weight decay is part of the gradient, or AdamW, where it is apart from it."""
    kind = torch.optim.Adam if settings.name == "adam" else torch.optim.AdamW
    return kind(parameters, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)


def clip_gradient(model: nn.Module, settings: Optimiser) -> Tensor:
    """Shorten the gradient to its largest norm, then each element; the norm before."""
    longest = math.inf if settings.clip_norm is None else settings.clip_norm
    norm = nn.utils.clip_grad_norm_(model.parameters(), longest)
    if settings.clip_value is not None:
        nn.utils.clip_grad_value_(model.parameters(), settings.clip_value)
    return norm


def rate(settings: Optimiser, step: int, steps: int, halvings: int) -> float:
    """The learning rate of a step, counted from 0, of all steps.

    It rises over the first `warm_up` of them, linearly, or under `one_cycle` by half a cosine. From
    there a cosine falls until the last step, if the schedule has one. `one_cycle` has the rates of
    torch's OneCycleLR.
    """
    cycle = settings.schedule == "one_cycle"
    peak = max(0.0, settings.warm_up * steps - 1)  # the step of the highest rate
    if step < peak:
        share = _cosine(ONE_CYCLE_START, 1.0, step / peak) if cycle else (step + 1) / (peak + 1)
        return settings.lr * share
    if cycle or settings.schedule == "cosine":
        done = (step - peak) / max(1.0, steps - 1 - peak)
        return settings.lr * _cosine(1.0, ONE_CYCLE_END if cycle else 0.0, done)
    return settings.lr * 0.5**halvings


def _cosine(start: float, end: float, done: float) -> float:
    """From start to end along half a cosine, `done` from 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2

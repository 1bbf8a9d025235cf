"""The weights that are validated and kept: as they are, or averaged over steps or epochs."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


class Average:
    """An average of a network's weights and buffers on their way: one copy, whatever its span.

    `ema` moves with every step: it keeps that share of itself, early on less, so that it soon
    forgets the random start. Without it the average is the mean of the weights after each of the
    `last` of all `epochs` (stochastic weight averaging, Izmailov et al. 2018); before these come
    it is the weights as they are.
    """

    def __init__(self, ema: float | None, last: int, epochs: int) -> None:
        self.ema = ema
        self.before = max(0, epochs - last)  # epochs that are not averaged
        self.count = 0  # of steps, or of epochs
        self.held: State = {}

    def step(self, model: nn.Module) -> None:
        """Take note of the weights after a step."""
        if self.ema is not None:
            self._follow(model, 1 - min(self.ema, (1 + self.count) / (10 + self.count)))

    def end_epoch(self, model: nn.Module) -> State:
        """Take note of the weights after an epoch; those to validate and keep."""
        if self.ema is None:
            self._follow(model, 1 / max(1, self.count + 1 - self.before))
        return {name: value.clone() for name, value in self.held.items()}

    def state_dict(self) -> dict[str, Any]:
        """All that changes, to go on from."""
        return {"count": self.count, "held": self.held}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.count, self.held = state["count"], state["held"]

    @torch.no_grad()
    def _follow(self, model: nn.Module, share: float) -> None:
        """Move by a share of the way to the weights as they are; a share of 1 takes them."""
        self.count += 1
        if share == 1 or not self.held:
            self.held = clone_state(model)
            return
        for name, value in model.state_dict().items():
            self.held[name].lerp_(value, share)


def clone_state(model: nn.Module) -> State:
    """The weights and buffers as they are now."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}

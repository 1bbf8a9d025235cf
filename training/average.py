"""The weights that are validated and kept: as they are, or averaged over steps or epochs."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


class Average:
    """Averages of a network's weights and buffers on their way.

    `ema` moves with every step: it keeps that share of itself, early on less, so that it soon
    forgets the random start. `epochs` is the mean of the weights after the last so many epochs.
    """

    def __init__(self, ema: float | None, epochs: int) -> None:
        self.ema = ema
        self.steps = 0
        self.moving: State = {}
        self.last: deque[State] = deque(maxlen=epochs)

    @torch.no_grad()
    def step(self, model: nn.Module) -> None:
        """Take note of the weights after a step."""
        if self.ema is None:
            return
        if not self.moving:
            self.moving = clone_state(model)
        keep = min(self.ema, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        for name, value in model.state_dict().items():
            self.moving[name].lerp_(value, 1 - keep)

    @torch.no_grad()
    def end_epoch(self, model: nn.Module) -> State:
        """Take note of the weights after an epoch; those to validate and keep."""
        if self.ema is not None:
            return {name: value.clone() for name, value in self.moving.items()}
        self.last.append(clone_state(model))
        return {
            name: torch.stack([state[name] for state in self.last]).mean(dim=0)
            for name in self.last[-1]
        }

    def state_dict(self) -> dict[str, Any]:
        """All that changes, to go on from."""
        return {"steps": self.steps, "moving": self.moving, "last": list(self.last)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.steps, self.moving = state["steps"], state["moving"]
        self.last.clear()
        self.last.extend(state["last"])


def clone_state(model: nn.Module) -> State:
    """The weights and buffers as they are now."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}

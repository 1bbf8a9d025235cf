"""LSTMs and GRUs over padded sequences, in one direction or both."""

import torch
from torch import Tensor, nn

from training.models.interface import at_least_float32
from training.models.sequences import Stream, blank

Layer = nn.LSTM | nn.GRU


def run_forward(layer: Layer, x: Tensor, mask: Tensor) -> Tensor:
    """All states over the valid steps, zero after them; (B, T, in) -> (B, T, hidden) alike.

    The states of a forward pass know nothing of the padding that follows, so packing would give the
    same values. They are computed in float32 at least and returned as x came: under autocast to
    bfloat16 torch runs cuDNN's recurrences in float16, whose small gradients vanish.
    """
    assert not layer.bidirectional, "a backward pass would begin in the padding"
    with torch.autocast(x.device.type, enabled=False):
        states: Tensor = layer(at_least_float32(x))[0]
    return blank(states.to(x.dtype), mask)


class BothDirections(nn.Module):
    """One layer each way; the backward one begins at the last valid step.

    Shape:
        x: stream (B, T, in); output stream (B, T, 2 hidden), zero in the padding
    """

    def __init__(self, kind: type[Layer], inputs: int, hidden: int) -> None:
        super().__init__()
        self.ahead = kind(inputs, hidden, batch_first=True)
        self.back = kind(inputs, hidden, batch_first=True)

    def forward(self, x: Stream) -> Stream:
        ahead = run_forward(self.ahead, x.values, x.mask)
        back = run_forward(self.back, reverse(x.values, x.lengths), x.mask)
        return x._replace(values=torch.cat([ahead, reverse(back, x.lengths)], dim=2))


def reverse(values: Tensor, lengths: Tensor) -> Tensor:
    """Each sequence's valid part turned round, its padding left where it is; (B, T, d) alike.

    >>> reverse(torch.tensor([[[1], [2], [3], [0]]]), torch.tensor([3])).flatten().tolist()
    [3, 2, 1, 0]
    """
    step = torch.arange(values.shape[1], device=values.device)
    size = lengths.to(values.device, non_blocking=True)[:, None]
    index = torch.where(step < size, size - 1 - step, step)[..., None]
    return values.gather(1, index.expand(-1, -1, values.shape[2]))


def last_state(states: Stream) -> Tensor:
    """The state of each sequence at its last valid step; (B, T, d) -> (B, d)."""
    last = (states.lengths - 1).to(states.values.device, non_blocking=True)
    index = last[:, None, None].expand(-1, 1, states.values.shape[2])
    return states.values.gather(1, index).squeeze(1)


def final_states(states: Stream) -> Tensor:
    """Where both directions end: forward at the last valid step, backward at the first.

    Shape:
        states: (B, T, 2 hidden) of `BothDirections`; output (B, 2 hidden)
    """
    hidden = states.values.shape[2] // 2
    return torch.cat([last_state(states)[:, :hidden], states.values[:, 0, hidden:]], dim=1)

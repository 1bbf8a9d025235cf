"""What networks are told of their inputs, and what they answer."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class InputSizes:
    """Widths of the inputs; 0 for one that the run does not read."""

    n_mels: int
    word_dim: int
    bert_dim: int
    vocabulary: int = 0  # words with parameters of their own, with padding (0) and unknown (1)


class ModelOutput(NamedTuple):
    """What a model says of B utterances.

    Shape:
        logits: (B, outputs), the classes and behind them the dimensions it learns; pooled: (B,
            width); z: (B, projection) rows of unit length, of width 0 from a model without
            contrastive features; audio_logits: (B, outputs) what a head of the audio says by
            itself, None without one
    """

    logits: Tensor
    pooled: Tensor
    z: Tensor
    audio_logits: Tensor | None = None

    @property
    def judged(self) -> tuple[Tensor, ...]:
        """The answers that are compared with the truth in training; (B, outputs) each."""
        return (self.logits,) if self.audio_logits is None else (self.logits, self.audio_logits)


def answer(logits: Tensor, pooled: Tensor) -> ModelOutput:
    """The output of a model without contrastive features."""
    return ModelOutput(at_least_float32(logits), pooled, pooled.new_zeros(len(pooled), 0))


def needed(value: Tensor | None, name: str) -> Tensor:
    """An input that a model cannot do without.

    Raises:
        ValueError: the batch lacks it.
    """
    if value is None:
        raise ValueError(f"the batch lacks {name!r}, which this model reads")
    return value


def at_least_float32(x: Tensor) -> Tensor:
    """Whatever autocast made, in float32 or wider: losses are no place to save bits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))

"""UMONS (Delbrouck et al. 2020), modular co-attention, after the repository MOSEI_UMONS (Model_LA).

Both streams have a fixed length. In the first block their padding is masked; behind it every slot
mixes all valid steps, and nothing is masked any more.
"""

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.model_settings import UmonsSettings
from training.models.attention import FeedForward, GuidedAttention, SelfAttention
from training.models.inputs import WordInput, mel_stream
from training.models.interface import InputSizes, ModelOutput, answer, at_least_float32
from training.models.recurrent import run_forward
from training.models.sequences import (
    Stream,
    average_groups,
    fit_length,
    make_stream,
    masked_softmax,
)


class Umons(nn.Module):
    """Words guide the audio through blocks of attention and glimpses."""

    def __init__(self, model: UmonsSettings, sizes: InputSizes, n_outputs: int) -> None:
        super().__init__()
        self.steps, self.frames_per_step = model.steps, model.frames_per_step
        self.words = WordInput(model.words, sizes)
        self.text = nn.LSTM(sizes.word_dim, model.d, batch_first=True)
        self.audio = nn.Linear(sizes.n_mels, model.d)
        last = model.layers - 1
        self.blocks = nn.ModuleList(Block(model, glimpse=i < last) for i in range(model.layers))
        self.flat_text, self.flat_audio = Flatten(model), Flatten(model)
        self.norm = SpreadNorm(model.flat)
        self.predictor = nn.Linear(model.flat, n_outputs)

    def forward(self, batch: Batch) -> ModelOutput:
        x = fit_length(self.words(batch), self.steps)
        x = x._replace(values=run_forward(self.text, x.values, x.mask))
        y = fit_length(average_groups(mel_stream(batch), self.frames_per_step), self.steps)
        y = y._replace(values=self.audio(y.values))
        for block in self.blocks:
            x, y = block(x, y)
        pooled = self.norm(self.flat_text(x) + self.flat_audio(y))
        return answer(self.predictor(pooled), pooled)


class Block(nn.Module):
    """x and y attend, y guided by the x that entered the block; then glimpses in all but the last.

    Shape:
        two streams (B, steps, d); out come the same, all steps valid
    """

    def __init__(self, model: UmonsSettings, *, glimpse: bool) -> None:
        super().__init__()
        sizes = (model.d, model.heads, model.ff, model.dropout)
        self.own = SelfAttention(*sizes, norm=SpreadNorm)
        self.guided = GuidedAttention(*sizes, norm=SpreadNorm)
        self.glimpse_x = Refresh(model) if glimpse else None
        self.glimpse_y = Refresh(model) if glimpse else None

    def forward(self, x: Stream, y: Stream) -> tuple[Stream, Stream]:
        own, guided = self.own(x), self.guided(y, x)
        x = x._replace(values=own.values + x.values)
        y = y._replace(values=guided.values + y.values)
        if self.glimpse_x is not None and self.glimpse_y is not None:
            x, y = self.glimpse_x(x), self.glimpse_y(y)
        return _all_valid(x), _all_valid(y)


class Glimpse(nn.Module):
    """Several means over time, each with weights of its own; (B, T, d) -> (B, glimpses, d)."""

    def __init__(self, model: UmonsSettings, glimpses: int) -> None:
        super().__init__()
        self.score = FeedForward(model.d, model.ff, model.dropout, out=glimpses)

    def forward(self, x: Stream) -> Tensor:
        scores = self.score(x.values).transpose(1, 2)  # (B, glimpses, T)
        return masked_softmax(scores, x.mask[:, None]) @ x.values


class Refresh(nn.Module):
    """LN(x + drop(as many glimpses of x as it has steps))."""

    def __init__(self, model: UmonsSettings) -> None:
        super().__init__()
        self.glimpse = Glimpse(model, model.steps)
        self.norm = SpreadNorm(model.d)
        self.drop = nn.Dropout(model.dropout)

    def forward(self, x: Stream) -> Stream:
        return x._replace(values=self.norm(x.values + self.drop(self.glimpse(x))))


class Flatten(nn.Module):
    """One glimpse, made wider; (B, T, d) -> (B, flat)."""

    def __init__(self, model: UmonsSettings) -> None:
        super().__init__()
        self.glimpse = Glimpse(model, 1)
        self.linear = nn.Linear(model.d, model.flat)

    def forward(self, x: Stream) -> Tensor:
        out: Tensor = self.linear(self.glimpse(x).squeeze(1))
        return out


class SpreadNorm(nn.Module):
    """MCAN's layer norm: a (x - mean) / (std + 1e-6) + b, with the unbiased deviation."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))
        self.bias = nn.Parameter(torch.zeros(d))

    def forward(self, x: Tensor) -> Tensor:
        x = at_least_float32(x)  # as autocast does for nn.LayerNorm
        centred = x - x.mean(dim=-1, keepdim=True)
        return self.weight * centred / (x.std(dim=-1, keepdim=True) + 1e-6) + self.bias


def _all_valid(x: Stream) -> Stream:
    return make_stream(x.values, torch.full_like(x.lengths, x.values.shape[1]))

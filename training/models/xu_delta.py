"""Xu et al. 2019 as the repository didi/delta builds it (AlignClassModel).

There the padding of the audio is attended to as well; here it is masked, so that a sample's answer
does not depend on its batch.
"""

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.model_settings import XuDeltaSettings
from training.models.attention import MultiHeadAttention
from training.models.inputs import WordInput, mel_stream
from training.models.interface import InputSizes, ModelOutput, answer
from training.models.recurrent import BothDirections
from training.models.sequences import Stream, blank, cut, masked_softmax


class XuDelta(nn.Module):
    """Words attend the frames with several heads; a BiGRU and attention over words follow."""

    def __init__(self, model: XuDeltaSettings, sizes: InputSizes, n_outputs: int) -> None:
        super().__init__()
        self.max_frames, self.max_words = model.max_frames, model.max_words
        width = 2 * model.hidden
        self.words = WordInput(model.words, sizes)
        self.dense = nn.Linear(sizes.n_mels, model.dense)
        self.audio = BothDirections(nn.GRU, model.dense, model.hidden)
        self.text = BothDirections(nn.GRU, sizes.word_dim, model.hidden)
        self.attention = MultiHeadAttention(width, model.heads, dropout=0.0)
        self.mix = BothDirections(nn.GRU, 2 * width, model.hidden)
        self.pool = WordAttention(width)
        self.drop = nn.Dropout(model.dropout)
        self.predictor = nn.Linear(width, n_outputs)

    def forward(self, batch: Batch) -> ModelOutput:
        frames = cut(mel_stream(batch), self.max_frames)
        dense = self.drop(self.dense(frames.values).relu())
        audio = self.audio(frames._replace(values=blank(dense, frames.mask)))
        text = self.text(cut(self.words(batch), self.max_words))
        attended = self.drop(self.attention(text.values, audio))
        both = torch.cat([attended, text.values], dim=2)
        pooled = self.pool(self.mix(text._replace(values=blank(both, text.mask))))
        return answer(self.predictor(self.drop(self.drop(pooled))), pooled)


class WordAttention(nn.Module):
    """The mean over words, weighted by softmax(tanh(x W + b) w); (B, T, d) -> (B, d)."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(d, d)
        self.context = nn.Linear(d, 1, bias=False)

    def forward(self, x: Stream) -> Tensor:
        scores = self.context(torch.tanh(self.hidden(x.values))).transpose(1, 2)  # (B, 1, T)
        return (masked_softmax(scores, x.mask[:, None]) @ x.values).squeeze(1)

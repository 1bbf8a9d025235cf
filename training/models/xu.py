"""Xu et al. 2019, "Learning alignment for multimodal emotion recognition from speech"."""

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.model_settings import XuSettings
from training.models.inputs import WordInput, mel_stream
from training.models.interface import InputSizes, ModelOutput, answer
from training.models.recurrent import BothDirections
from training.models.sequences import Stream, masked_max, masked_softmax


class Xu(nn.Module):
    """Each word looks for its frames by additive attention; word by word both go on together."""

    def __init__(self, model: XuSettings, sizes: InputSizes, n_outputs: int) -> None:
        super().__init__()
        self.words = WordInput(model.words, sizes)
        self.audio = BothDirections(nn.LSTM, sizes.n_mels, model.hidden)
        self.text = BothDirections(nn.LSTM, sizes.word_dim, model.hidden)
        self.align = AdditiveAlignment(2 * model.hidden)
        self.mix = BothDirections(nn.LSTM, 4 * model.hidden, model.hidden)
        self.drop = nn.Dropout(model.dropout)
        self.predictor = nn.Linear(2 * model.hidden, n_outputs)

    def forward(self, batch: Batch) -> ModelOutput:
        audio, text = self.audio(mel_stream(batch)), self.text(self.words(batch))
        aligned = self.align(text, audio)
        both = torch.cat([aligned, text.values], dim=2)
        pooled = masked_max(self.mix(text._replace(values=both)))
        return answer(self.predictor(self.drop(pooled)), pooled)


class AdditiveAlignment(nn.Module):
    """For word j the mean of the frames i, weighted by softmax_i(tanh(u s_i + v h_j + b)).

    Shape:
        text: stream (B, Tw, d); audio: stream (B, Ta, d); output (B, Tw, d)
    """

    def __init__(self, d: int) -> None:
        super().__init__()
        self.u = nn.Linear(d, 1, bias=False)
        self.v = nn.Linear(d, 1)

    def forward(self, text: Stream, audio: Stream) -> Tensor:
        return self.weights(text, audio) @ audio.values

    def weights(self, text: Stream, audio: Stream) -> Tensor:
        """How much each word takes of each frame; (B, Tw, Ta), rows sum to 1."""
        scores = torch.tanh(self.u(audio.values).transpose(1, 2) + self.v(text.values))
        return masked_softmax(scores, audio.mask[:, None])

"""Yoon et al. 2018, "Multimodal speech emotion recognition using audio and text".

Two GRUs, joined by their last valid states (MDRE), or with the audio's as a query over the words
(MDREA). The originals add 35 prosodic features of an utterance, which the store does not have.
"""

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.model_settings import YoonMdreSettings
from training.models.inputs import WordInput, mel_stream
from training.models.interface import InputSizes, ModelOutput, answer
from training.models.recurrent import last_state, run_forward
from training.models.sequences import Stream, cut
from training.models.yoon_mha import attend


class YoonMdre(nn.Module):
    """The last states of both encoders, each made half as wide, side by side."""

    def __init__(self, model: YoonMdreSettings, sizes: InputSizes, n_outputs: int) -> None:
        super().__init__()
        self.encoders = DualEncoders(model, sizes)
        half = model.hidden // 2
        self.audio_half, self.text_half = (nn.Linear(model.hidden, half) for _ in range(2))
        self.predictor = _uniform(nn.Linear(2 * half, n_outputs))

    def forward(self, batch: Batch) -> ModelOutput:
        audio, text = self.encoders(batch)
        halves = [self.audio_half(last_state(audio)), self.text_half(last_state(text))]
        pooled = torch.cat(halves, dim=1)
        return answer(self.predictor(pooled), pooled)


class YoonMdrea(nn.Module):
    """The last state of the audio, projected, and what it attends to among the words."""

    def __init__(self, model: YoonMdreSettings, sizes: InputSizes, n_outputs: int) -> None:
        super().__init__()
        self.encoders = DualEncoders(model, sizes)
        self.query = nn.Linear(model.hidden, model.hidden)
        self.predictor = _uniform(nn.Linear(2 * model.hidden, n_outputs))

    def forward(self, batch: Batch) -> ModelOutput:
        audio, text = self.encoders(batch)
        query = self.query(last_state(audio))
        pooled = torch.cat([attend(query, text), query], dim=1)
        return answer(self.predictor(pooled), pooled)


class DualEncoders(nn.Module):
    """A GRU over the frames and one over the words, with dropout before and behind each.

    Shape:
        a batch -> streams (B, Ta, hidden), (B, Tw, hidden)
    """

    def __init__(self, model: YoonMdreSettings, sizes: InputSizes) -> None:
        super().__init__()
        self.max_frames, self.max_words = model.max_frames, model.max_words
        self.words = WordInput(model.words, sizes)
        self.audio = _orthogonal(nn.GRU(sizes.n_mels, model.hidden, batch_first=True))
        self.text = _orthogonal(nn.GRU(sizes.word_dim, model.hidden, batch_first=True))
        self.audio_drop = nn.Dropout(model.audio_dropout)
        self.text_drop = nn.Dropout(model.text_dropout)

    def forward(self, batch: Batch) -> tuple[Stream, Stream]:
        frames = cut(mel_stream(batch), self.max_frames)
        words = cut(self.words(batch), self.max_words)
        audio = _encode(self.audio, self.audio_drop, frames)
        return audio, _encode(self.text, self.text_drop, words)


def _encode(gru: nn.GRU, drop: nn.Dropout, x: Stream) -> Stream:
    states: Tensor = drop(run_forward(gru, drop(x.values), x.mask))
    return x._replace(values=states)


def _orthogonal(gru: nn.GRU) -> nn.GRU:
    """The same GRU with orthogonal matrices, gate by gate, as the original begins."""
    for name, weight in gru.named_parameters():
        if name.startswith("weight"):
            for gate in weight.chunk(3):
                nn.init.orthogonal_(gate)
    return gru


def _uniform(linear: nn.Linear) -> nn.Linear:
    """The same layer with weights from -0.25 to 0.25, as the original begins."""
    nn.init.uniform_(linear.weight, -0.25, 0.25)
    return linear

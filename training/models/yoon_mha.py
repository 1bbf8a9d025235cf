"""Yoon et al. 2019, "Speech emotion recognition using multi-hop attention mechanism"."""

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.model_settings import YoonMhaSettings
from training.models.inputs import WordInput, mel_stream
from training.models.interface import InputSizes, ModelOutput, answer
from training.models.recurrent import BothDirections, final_states
from training.models.sequences import Stream, masked_softmax


class YoonMha(nn.Module):
    """The end of the audio attends the words, what it finds the audio, and that the words again."""

    def __init__(self, model: YoonMhaSettings, sizes: InputSizes, n_outputs: int) -> None:
        super().__init__()
        self.hops = model.hops
        self.words = WordInput(model.words, sizes)
        self.drop = nn.Dropout(model.input_dropout)
        self.audio = BothDirections(nn.LSTM, sizes.n_mels, model.hidden)
        self.text = BothDirections(nn.LSTM, sizes.word_dim, model.hidden)
        self.predictor = nn.Linear(4 * model.hidden, n_outputs)

    def forward(self, batch: Batch) -> ModelOutput:
        audio = self.audio(self._dropped(mel_stream(batch)))
        text = self.text(self._dropped(self.words(batch)))
        before, found = final_states(audio), final_states(audio)
        for hop in range(self.hops):
            before, found = found, attend(found, audio if hop % 2 else text)
        pooled = torch.cat([found, before] if self.hops == 1 else [before, found], dim=1)
        return answer(self.predictor(pooled), pooled)

    def _dropped(self, x: Stream) -> Stream:
        return x._replace(values=self.drop(x.values))


def attend(query: Tensor, x: Stream) -> Tensor:
    """The mean of x, weighted by softmax of its plain products with a query.

    Shape:
        query: (B, d); x: stream (B, T, d); output (B, d)
    """
    scores = query[:, None] @ x.values.transpose(1, 2)  # (B, 1, T)
    return (masked_softmax(scores, x.mask[:, None]) @ x.values).squeeze(1)

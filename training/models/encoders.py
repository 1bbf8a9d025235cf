"""From the three inputs to three streams of one width."""

import torch
from torch import Tensor, nn

from training.model_settings import VcemoSettings
from training.models.norm import MaskedBatchNorm
from training.models.recurrent import BothDirections, run_forward
from training.models.sequences import (
    FIXED_STEPS,
    Stream,
    average_groups,
    blank,
    fit_length,
    make_stream,
)


def halved(length: Tensor | int) -> Tensor | int:
    """Length after a convolution of kernel 3, stride 2, padding 1: ceil(L / 2)."""
    return (length + 1) // 2


class AudioEncoder(nn.Module):
    """Two strided convolutions over the log-mel image, then an LSTM over its frames.

    The image has a column for every `frames_per_step` frames, their mean.

    With stride 2 and padding 1 the last valid output reads at most one frame past the end, which is
    zero both as padding of the convolution and as blanked padding of the batch: so padding can
    change nothing.

    Shape:
        mel: (B, Ta, n_mels), lengths L; output stream (B, ceil(ceil(T/2)/2), d), lengths
            ceil(ceil(S/2)/2), for the columns T = ceil(Ta/frames_per_step), S likewise of L
    """

    def __init__(self, model: VcemoSettings, n_mels: int) -> None:
        super().__init__()
        first, second = model.conv_channels
        self.conv1 = nn.Conv2d(1, first, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(first, second, 3, stride=2, padding=1, bias=False)
        self.norm1, self.norm2 = MaskedBatchNorm(first), MaskedBatchNorm(second)
        bins = int(halved(halved(n_mels)))
        self.lstm: nn.LSTM | BothDirections
        if model.audio_lstm == "both":
            self.lstm = BothDirections(nn.LSTM, second * bins, model.d // 2)
        else:
            self.lstm = nn.LSTM(second * bins, model.d, batch_first=True)
        self.frames_per_step = model.frames_per_step
        self.drop = nn.Dropout(model.dropout)

    def forward(self, mel: Tensor, lengths: Tensor) -> Stream:
        columns = average_groups(make_stream(mel, lengths), self.frames_per_step)
        lengths = columns.lengths
        image = columns.values[:, None].to(memory_format=torch.channels_last)  # (B, 1, T, n_mels)
        for conv, norm in ((self.conv1, self.norm1), (self.conv2, self.norm2)):
            lengths = torch.as_tensor(halved(lengths))
            steps = norm(conv(image).permute(0, 2, 3, 1), lengths).relu()  # (B, T, bins, channels)
            image = steps.permute(0, 3, 1, 2)
        frames = image.transpose(1, 2).flatten(2)  # (B, La, channels * bins), channel-major
        steps = self._run(make_stream(frames, lengths))
        return steps._replace(values=self.drop(steps.values))

    def _run(self, frames: Stream) -> Stream:
        if isinstance(self.lstm, BothDirections):
            both: Stream = self.lstm(frames)
            return both
        return frames._replace(values=run_forward(self.lstm, frames.values, frames.mask))


class WordEncoder(nn.Module):
    """An LSTM over word vectors, then a convolution over time.

    With `word_conv: time_mix` the 60 steps of a fixed length are the channels of the convolution
    (kernel 1), so that each of 60 outputs sees the whole timeline.

    Shape:
        word: (B, Tw, word_dim), lengths L; output stream (B, Tw, d), lengths L; or (B, 60, d), all
            valid
    """

    def __init__(self, model: VcemoSettings, word_dim: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(word_dim, model.d, batch_first=True)
        self.mixes_time = model.word_conv == "time_mix"
        if self.mixes_time:
            self.conv = nn.Conv1d(FIXED_STEPS, FIXED_STEPS, 1, bias=False)
        else:
            self.conv = nn.Conv1d(model.d, model.d, 3, padding=1, bias=False)
        self.norm = MaskedBatchNorm(self.conv.out_channels)
        self.drop = nn.Dropout(model.dropout)

    def forward(self, word: Tensor, lengths: Tensor) -> Stream:
        words = make_stream(word, lengths)
        states = run_forward(self.lstm, blank(word, words.mask), words.mask)
        if self.mixes_time:
            return self._mix_time(words._replace(values=states))
        mixed = self.norm(self.conv(states.transpose(1, 2)).transpose(1, 2), lengths).relu()
        return words._replace(values=self.drop(mixed))

    def _mix_time(self, states: Stream) -> Stream:
        values = self.conv(fit_length(states, FIXED_STEPS).values).transpose(1, 2)  # (B, d, 60)
        whole = torch.full_like(states.lengths, values.shape[1])
        mixed = self.norm(values, whole).relu().transpose(1, 2)
        return make_stream(self.drop(mixed), torch.full_like(states.lengths, FIXED_STEPS))


class BertEncoder(nn.Module):
    """A linear layer; one vector per utterance becomes a stream of length 1.

    Shape:
        bert: (B, bert_dim) or (B, Tb, bert_dim) with lengths; output stream (B, 1 or Tb, d)
    """

    def __init__(self, model: VcemoSettings, bert_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(bert_dim, model.d)
        self.drop = nn.Dropout(model.dropout)

    def forward(self, bert: Tensor, lengths: Tensor | None) -> Stream:
        if bert.dim() == 2:
            bert, lengths = bert[:, None], torch.ones(len(bert), dtype=torch.int64)
        if lengths is None:
            raise ValueError(
                "bert_len is missing: token states (B, Tb, d) need the number of tokens"
            )
        tokens = make_stream(bert, lengths)
        return tokens._replace(values=self.drop(self.linear(blank(bert, tokens.mask))))

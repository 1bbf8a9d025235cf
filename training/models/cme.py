"""CME (cross-modal excitation), after the repository FG_CME (NeoMeanMaxExcite_v2).

Words that no frame belongs to get an audio of zeros (the original's maximum is -1e6 there), and
convolutions that would read beyond the end of an utterance belong to no word, so that nothing
depends on padding.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.batch import Batch
from training.model_settings import CmeSettings
from training.models.inputs import WordInput, mel_stream
from training.models.interface import InputSizes, ModelOutput, answer, at_least_float32, needed
from training.models.recurrent import BothDirections
from training.models.sequences import cut, masked_max, ranges

KERNELS = (5, 2, 2)  # of the convolutions over time
REACH = sum(KERNELS) - len(KERNELS)  # frames that an output sees beside its first


class Cme(nn.Module):
    """Words and the audio under them, each passed through a gate that the other opens."""

    def __init__(self, model: CmeSettings, sizes: InputSizes, n_outputs: int) -> None:
        super().__init__()
        first, second = model.conv_channels
        d = 2 * second
        self.max_frames = model.max_frames
        self.words = WordInput(model.words, sizes)
        self.text = nn.Linear(sizes.word_dim, d)
        widths = (sizes.n_mels, first, second, second)
        pairs = zip(widths, widths[1:], KERNELS, strict=False)
        self.convs = nn.Sequential(*(nn.Conv1d(a, b, kernel) for a, b, kernel in pairs))
        self.text_gate = nn.Linear(d, d)
        self.audio_gate = nn.Embedding(sizes.vocabulary, d, padding_idx=0)
        self.mix = BothDirections(nn.LSTM, 2 * d, model.hidden)
        self.predictor = nn.Linear(2 * model.hidden, n_outputs)

    def forward(self, batch: Batch) -> ModelOutput:
        words, ids = self.words(batch), needed(batch.word_id, "word_id")
        ids = ids.masked_fill(~words.mask, 0)
        text, audio = self.text(words.values), self._under_words(batch)
        excited = torch.cat(
            [
                text * (1 + torch.sigmoid(self.text_gate(audio))),
                audio * (1 + torch.sigmoid(self.audio_gate(ids))),
            ],
            dim=2,
        )
        pooled = masked_max(self.mix(words._replace(values=excited)))
        return answer(self.predictor(pooled), pooled)

    def _under_words(self, batch: Batch) -> Tensor:
        mel = cut(mel_stream(batch), self.max_frames)
        frames = F.pad(mel.values, (0, 0, 0, max(0, REACH + 1 - mel.values.shape[1])))
        seen = self.convs(frames.transpose(1, 2)).transpose(1, 2)  # (B, T - REACH, d / 2)
        spans = output_spans(needed(batch.align, "align"), mel.lengths)
        return mean_and_max(seen, spans)


def output_spans(align: Tensor, lengths: Tensor) -> Tensor:
    """Which outputs of the convolutions see a frame of each word and none beyond the utterance.

    Utterances shorter than one output's sight count as that long.

    Shape:
        align: (B, Tw, 2) int64 [start, end) in frames; lengths: (B,) frames; output (B, Tw, 2)
            [start, end) in outputs, (0, 0) for a word without frames
    """
    start, end = align.unbind(dim=2)
    outputs = (lengths - REACH).clamp(min=1)[:, None]
    first, stop = (start - REACH).clamp(min=0), end.minimum(outputs)
    present = (start < end) & (first < stop)
    return torch.stack([first, stop], dim=2) * present[..., None]


def mean_and_max(x: Tensor, spans: Tensor) -> Tensor:
    """Mean and maximum of x over spans of time, side by side, zero for an empty span.

    Shape:
        x: (B, T, d); spans: (B, S, 2) [start, end) on the host; output (B, S, 2 d)
    """
    batch, time, d = x.shape
    first, stop = spans.flatten(0, 1).unbind(dim=1)
    counts = stop - first
    sample = torch.arange(batch).repeat_interleave(spans.shape[1])
    steps = ranges(sample * time + first, counts, x.device)
    counts = counts.to(x.device, non_blocking=True)
    owner = torch.repeat_interleave(counts, output_size=len(steps))  # the span of each step
    values = at_least_float32(x).flatten(0, 1)[steps]  # bfloat16 sums lose too much
    empty = values.new_zeros(len(counts), d)
    mean = empty.index_add(0, owner, values) / (counts[:, None] + 1e-6)
    top = empty.scatter_reduce(
        0, owner[:, None].expand_as(values), values, "amax", include_self=False
    )
    return torch.cat([mean, top], dim=1).view(batch, -1, 2 * d)

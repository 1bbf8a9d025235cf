"""The two fusions of VCEMO: audio with words, then the sequence with BERT."""

import torch
from torch import Tensor, nn

from training.model_settings import VcemoSettings
from training.models.attention import CoAttention
from training.models.sequences import (
    FIXED_STEPS,
    Stream,
    blank,
    fit_length,
    make_stream,
    masked_mean,
    pool_to,
    resample,
)


class AudioWordFusion(nn.Module):
    """Co-attention of audio and words, then their sum over a common time axis."""

    def __init__(self, model: VcemoSettings) -> None:
        super().__init__()
        self.words_guide = model.fusion1_guide == "word"
        self.align = model.align
        self.attention = CoAttention(model)

    def forward(self, audio: Stream, words: Stream) -> Stream:
        if self.words_guide:
            words, audio = self.attention(words, audio)
        else:
            audio, words = self.attention(audio, words)
        return add_streams(audio, words, self.align)


def add_streams(audio: Stream, words: Stream, align: str) -> Stream:
    """The sum of two streams of different lengths.

    `resample_word_to_audio` (audio has the finer grid, so nothing is lost; a common start and end
    is all that is known without time stamps), `pool_audio_to_word` (the reverse), or `fixed60`
    (position by position, both cut or padded to 60 steps).
    """
    if align == "resample_word_to_audio":
        size = audio.values.shape[1]
        return audio._replace(values=audio.values + resample(words, audio.lengths, size))
    if align == "pool_audio_to_word":
        size = words.values.shape[1]
        return words._replace(values=words.values + pool_to(audio, words.lengths, size))
    audio, words = fit_length(audio, FIXED_STEPS), fit_length(words, FIXED_STEPS)
    return make_stream(audio.values + words.values, audio.lengths.maximum(words.lengths))


class BertFusion(nn.Module):
    """Co-attention of a sequence and BERT, then both side by side, in time or in features.

    By default the sequence guides: BERT is one vector, whose single query then pools the sequence,
    while as a guide it would add the same vector to every step.

    Shape:
        sequence (B, T, d), bert (B, Tb, d); output (B, T + Tb, d) in time, (B, T, 2 d) in features
    """

    def __init__(self, model: VcemoSettings) -> None:
        super().__init__()
        self.sequence_guides = model.fusion2_guide == "sequence"
        self.in_time = model.concat == "time"
        self.attention = CoAttention(model)

    def forward(self, sequence: Stream, bert: Stream) -> Stream:
        if self.sequence_guides:
            sequence, bert = self.attention(sequence, bert)
        else:
            bert, sequence = self.attention(bert, sequence)
        return _join_in_time(sequence, bert) if self.in_time else _join_features(sequence, bert)


def _join_in_time(sequence: Stream, bert: Stream) -> Stream:
    # BERT stands after the padding of shorter sequences, so the valid steps are not the first ones:
    # what follows depends neither on position nor on lengths, only on the mask.
    values = torch.cat([sequence.values, bert.values], dim=1)
    mask = torch.cat([sequence.mask, bert.mask], dim=1)
    return Stream(values, sequence.lengths + bert.lengths, mask)


def _join_features(sequence: Stream, bert: Stream) -> Stream:
    vector: Tensor = masked_mean(bert)[:, None].expand(-1, sequence.values.shape[1], -1)
    joined = torch.cat([blank(sequence.values, sequence.mask), vector], dim=2)
    return sequence._replace(values=joined)

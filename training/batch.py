"""What a model reads: one padded batch of utterances."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Padded inputs of B utterances; an input the model does not use may be None.

    Lengths and alignments stay on the host wherever the rest is: masks and sizes made from them
    there never have to wait for the device. Padding may hold anything, models ignore it.

    Shape:
        mel: (B, Ta, n_mels) normalised log-mel, with mel_len (B,) int64
        word: (B, Tw, word_dim) word vectors, with word_len (B,) int64
        bert: (B, bert_dim) one vector each, or (B, Tb, bert_dim) with bert_len (B,) int64
        label: (B,) int64 class index
        row: (B,) int64 row of the cache's index: by it answers are put back in order, what goes
            missing under a condition is drawn, and messages name the utterance
        word_id: (B, Tw) int64 word of the fold's vocabulary, 0 = padding, 1 = unknown
        align: (B, Tw, 2) int64 on the host, [start, end) in frames of each word, (0, 0) = none
        ratings: (B, dimensions) float32, scales from -1 to 1, NaN = unknown

    Raises:
        ValueError: a length below 1 or beyond its tensor, since a fully masked softmax row has no
            value.
    """

    mel: Tensor | None
    mel_len: Tensor | None
    word: Tensor | None
    word_len: Tensor | None
    bert: Tensor | None
    bert_len: Tensor | None
    label: Tensor
    row: Tensor
    word_id: Tensor | None = None
    align: Tensor | None = None
    ratings: Tensor | None = None
    joint: int = 0  # utterances of the joint batch of all processes, of which this is one's share

    def __post_init__(self) -> None:
        for name, values, lengths in (
            ("mel", self.mel, self.mel_len),
            ("word", self.word, self.word_len),
            ("word", self.word_id, self.word_len),
            ("bert", self.bert, self.bert_len),
        ):
            if values is not None and lengths is not None:
                _check_lengths(name, lengths, values.shape[1])

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch with its values on `device` and its lengths still on the host."""
        return Batch(
            mel=_move(self.mel, device),
            mel_len=self.mel_len,
            word=_move(self.word, device),
            word_len=self.word_len,
            bert=_move(self.bert, device),
            bert_len=self.bert_len,
            label=self.label.to(device, non_blocking=True),
            row=self.row,
            word_id=_move(self.word_id, device),
            align=self.align,
            ratings=_move(self.ratings, device),
            joint=self.joint,
        )

    def pinned(self) -> "Batch":
        """The same batch in memory that a GPU reads without waiting for the processor."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = ("mel", "word", "bert", "label", "word_id", "ratings")
        return replace(
            self, **{n: v.pin_memory() for n, v in values.items() if n in moved and v is not None}
        )


def _move(values: Tensor | None, device: torch.device | str) -> Tensor | None:
    return None if values is None else values.to(device, non_blocking=True)


def _check_lengths(name: str, lengths: Tensor, size: int) -> None:
    low, high = int(lengths.min()), int(lengths.max())
    if low < 1 or high > size:
        raise ValueError(f"{name}_len must lie in 1..{size}, found {low}..{high}")

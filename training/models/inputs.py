"""The inputs of the baselines as streams: mel frames, and words by vectors or by numbers."""

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.model_settings import Words
from training.models.interface import InputSizes, needed
from training.models.sequences import Stream, blank, make_stream


def mel_stream(batch: Batch) -> Stream:
    """The normalised log-mel frames of a batch, zero in the padding."""
    frames = make_stream(needed(batch.mel, "mel"), needed(batch.mel_len, "mel_len"))
    return frames._replace(values=blank(frames.values, frames.mask))


class WordInput(nn.Module):
    """Words as vectors: those that are packed, or an embedding trained with the model.

    The embedding has a row for each word of the training part's vocabulary, one for padding (0,
    always zero) and one for all other words (1).

    Shape:
        batch with word (B, Tw, word_dim) or word_id (B, Tw); output stream (B, Tw, word_dim)
    """

    def __init__(self, words: Words, sizes: InputSizes) -> None:
        super().__init__()
        rows = (sizes.vocabulary, sizes.word_dim)
        self.table = nn.Embedding(*rows, padding_idx=0) if words == "trained" else None

    def forward(self, batch: Batch) -> Stream:
        lengths = needed(batch.word_len, "word_len")
        if self.table is None:
            words = make_stream(needed(batch.word, "word"), lengths)
            return words._replace(values=blank(words.values, words.mask))
        ids = make_stream(needed(batch.word_id, "word_id"), lengths)
        return ids._replace(values=self.table(blank(ids.values, ids.mask)))

    @torch.no_grad()
    def start(self, vectors: Tensor) -> None:
        """Let the embedding, if there is one, begin as these vectors (vocabulary, word_dim)."""
        if self.table is not None:
            self.table.weight.copy_(vectors)

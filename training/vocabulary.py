"""The words that a model has parameters for: those of its training part."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2

Word = tuple[str, str]  # language ("" where not known) and form


@dataclass(frozen=True)
class Vocabulary:
    """Words by number: 0 pads, 1 is any other word, then come these in their order.

    Padding and unknown words have rows of their own; in the original of UMONS the first word shares
    that of the unknown, which padding uses as well.
    """

    words: tuple[Word, ...]

    def __len__(self) -> int:
        """Rows of an embedding."""
        return FIRST_WORD + len(self.words)

    def numbers(self, packed: Sequence[Word]) -> Tensor:
        """The number of each id of a cache whose ids from 2 on are the words `packed`.

        Shape:
            (2 + packed,) int64
        """
        known = {word: FIRST_WORD + i for i, word in enumerate(self.words)}
        return torch.tensor([PADDING, UNKNOWN, *(known.get(word, UNKNOWN) for word in packed)])


def learn_vocabulary(packed: Sequence[Word], ids: Tensor) -> Vocabulary:
    """The words that occur among some ids of a cache.

    >>> learn_vocabulary([("en", "a"), ("en", "b")], torch.tensor([3, 1, 3])).words
    (('en', 'b'),)
    """
    seen = torch.unique(ids).tolist()
    return Vocabulary(tuple(packed[i - FIRST_WORD] for i in seen if i >= FIRST_WORD))


def read_words(stored: Tensor) -> tuple[Word, ...]:
    """The words of a cache, from the bytes of JSON that it keeps them as."""
    pairs = json.loads(stored.numpy().tobytes())
    return tuple((language, form) for language, form in pairs)

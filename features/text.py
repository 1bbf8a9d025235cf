"""Text normalised for scoring, and the error rates of transcripts.

Only scores see normalised text; the store keeps what the corpus or the recogniser wrote.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from features.words import HAN, simplified

_APOSTROPHES = re.compile(r"['’ʼ＇]")
_SPACELESS = ("zh", "yue", "ja", "th", "lo", "my", "km", "bo")  # languages, ISO 639
_BESIDE_HAN = re.compile(rf"(?<=[{HAN}])\s+|\s+(?=[{HAN}])")


def normalise(text: str) -> str:
    """Bring a text to the form that is scored.

    Compatibility forms (NFKC), case, punctuation and symbols, and traditional against simplified
    characters are differences in writing, not in what was heard. White space beside Han characters
    goes too, since Chinese writes none. Idempotent.

    >>> normalise("Ｗell-known: 後來 我們 DON'T!")
    'well known后来我们dont'
    """
    text = simplified(_folded(_APOSTROPHES.sub("", text)))
    text = "".join(" " if unicodedata.category(c)[0] in "PSZC" else c for c in text)
    return _BESIDE_HAN.sub("", " ".join(text.split()))


@dataclass(frozen=True)
class Errors:
    """Substitutions, deletions and insertions of a text against its reference."""

    count: int
    units: int  # words or characters of the reference

    @property
    def rate(self) -> float:
        """Errors per unit; without any unit 0 if there is no error either, else 1."""
        return self.count / self.units if self.units else float(self.count > 0)


def word_errors(reference: str, heard: str) -> Errors:
    """Errors in words, after normalisation; for languages that `writes_spaces`."""
    import jiwer

    return _errors(normalise(reference).split(), normalise(heard).split(), jiwer.process_words)


def character_errors(reference: str, heard: str) -> Errors:
    """Errors in characters, after normalisation; a space between words is one too."""
    import jiwer

    return _errors([*normalise(reference)], [*normalise(heard)], jiwer.process_characters)


def writes_spaces(language: str | None) -> bool:
    """Whether words are told apart by spaces, so that counting them means something."""
    return language not in _SPACELESS


def _errors(reference: list[str], heard: list[str], process: Callable[..., Any]) -> Errors:
    if not reference:  # of which jiwer has no opinion
        return Errors(len(heard), 0)
    between = "" if process.__name__ == "process_characters" else " "
    found = process(between.join(reference), between.join(heard))
    return Errors(found.substitutions + found.deletions + found.insertions, len(reference))


def _folded(text: str) -> str:
    # Folding case can leave a form that NFKC changes once more.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())

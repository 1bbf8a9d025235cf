"""Text normalised for scoring, and the error rates of transcripts.

Only scores see normalised text; the store keeps what the corpus or the recogniser wrote.
"""

import re
import unicodedata
from collections.abc import Sequence

from features.words import HAN, simplified

_APOSTROPHES = re.compile(r"['’ʼ＇]")
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


def wer(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Word error rate over all pairs: (substitutions + deletions + insertions) / reference words.

    Texts are normalised first. Chinese counts as one word per run of characters: use `cer` there.
    Without any reference word it is 0 if there is no hypothesis word either, else 1.
    """
    return _error_rate("wer", references, hypotheses)


def cer(references: Sequence[str], hypotheses: Sequence[str]) -> float:
    """Character error rate over all pairs, as `wer` with characters (spaces included) for words."""
    return _error_rate("cer", references, hypotheses)


def _error_rate(measure: str, references: Sequence[str], hypotheses: Sequence[str]) -> float:
    import jiwer

    if len(references) != len(hypotheses):
        raise ValueError(
            f"{measure}: {len(references)} references but {len(hypotheses)} hypotheses: "
            "expected one hypothesis per reference"
        )
    truth, heard = [normalise(t) for t in references], [normalise(t) for t in hypotheses]
    # jiwer's own rate without any reference word is a count, not a share.
    if not any(truth):
        return 1.0 if any(heard) else 0.0
    return float(getattr(jiwer, measure)(truth, heard))


def _folded(text: str) -> str:
    # Folding case can leave a form that NFKC changes once more.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())

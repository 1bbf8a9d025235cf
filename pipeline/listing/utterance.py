"""What a corpus reader says about one utterance."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One utterance as its corpus describes it; what the corpus does not tell is None.

    Facts of the audio (duration, sample rate, hash) are no business of a reader: the manifest
    finds them in the file itself.
    """

    path: str  # audio file relative to the corpus's root, with / between folders
    start_s: float | None = None  # set for a segment of a longer file
    end_s: float | None = None
    speaker: str | None = None
    gender: str | None = None
    age: int | None = None  # years
    language: str | None = None  # ISO 639-1
    session: str | None = None
    dialogue: str | None = None
    turn: int | None = None  # position in the dialogue
    transcript: str | None = None
    raw_label: str | None = None  # the corpus's own name of the emotion
    soft_label: Mapping[str, float] | None = None  # raw label -> votes or share of the raters
    arousal: float | None = None  # in the corpus's own scale, as are the next two
    valence: float | None = None
    dominance: float | None = None
    split: str | None = None  # the corpus's official one
    fault: str | None = None  # why its name tells nothing: it is a reject, the rest is not known

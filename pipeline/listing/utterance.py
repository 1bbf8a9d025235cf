"""What a corpus reader says about one utterance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Word(NamedTuple):
    """A word of the transcript and when it is said, in seconds from the utterance's start."""

    word: str
    start_s: float
    end_s: float


class Vote(NamedTuple):
    """What one rater said of one utterance, in the corpus's own names and scale."""

    rater: str | None  # who, where the corpus tells
    labels: tuple[str, ...] = ()  # raw; some corpora let a rater name several
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One utterance as its corpus describes it; what the corpus does not tell is None.

    Facts of the audio (duration, sample rate, hash) are no business of a reader: the manifest
    finds them in the file itself, and `vcemo corpus check` compares what metadata state.
    """

    path: str  # audio file relative to the corpus's root, with / between folders
    start_s: float | None = None  # set for a segment of a longer file
    end_s: float | None = None
    stated_duration_s: float | None = None  # as its metadata have it; may be wrong
    speaker: str | None = None
    gender: str | None = None
    age: int | None = None  # years
    language: str | None = None  # ISO 639-1
    session: str | None = None
    dialogue: str | None = None
    turn: int | None = None  # position in the dialogue
    transcript: str | None = None
    words: tuple[Word, ...] | None = None  # where the corpus has an alignment
    sentence: str | None = None  # id of the sentence, in corpora of a fixed list of them
    style: str | None = None  # acted, improvised, scripted, spontaneous, ...
    intensity: str | None = None  # of the emotion, as the corpus calls it
    raw_label: str | None = None  # the corpus's own name of the emotion
    soft_label: Mapping[str, float] | None = None  # raw label -> votes or share of the raters
    votes: tuple[Vote, ...] | None = (
        None  # of each rater; without `soft_label`, it follows from them
    )
    arousal: float | None = None  # in the corpus's own scale, as are the next two
    valence: float | None = None
    dominance: float | None = None
    split: str | None = None  # the corpus's official one
    folds: Mapping[str, str] | None = None  # official fold -> its part, where there are several
    fault: str | None = None  # why its name tells nothing: it is a reject, the rest is not known

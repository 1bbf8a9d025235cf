"""Who speaks in the demo corpus, and how: a voice, habits of its own, and the arousal."""

from dataclasses import dataclass

from pipeline.demo import named_numbers
from pipeline.demo.espeak import Prosody


@dataclass(frozen=True)
class Speaker:
    """One synthetic voice, in one language and one subset."""

    name: str
    language: str  # ISO 639-1
    gender: str
    voice: str  # espeak's language+variant
    split: str  # train, val or test
    number: int  # 0..11 within the language


# espeak's voice variants, female and male in turn. None serves both languages: the vocal tract of a
# test speaker would be heard in training. Highest, loudest and quietest voices are in training.
_VARIANTS = {
    ("en", "train"): "f1 m1 Alicia m3 Annie Reed linda m7",
    ("en", "val"): "f3 Alex",
    ("en", "test"): "f5 m5",
    ("zh", "train"): "f2 m2 grandma boris belinda Michael steph m8",
    ("zh", "val"): "shelby max",
    ("zh", "test"): "f4 m6",
}
_ACCENTS = {"en": "en-us", "zh": "cmn"}

# A range of espeak values for each arousal. Rate is for English; see _RATE_SHIFT_WPM.
_AROUSAL = {
    "high": {"rate_wpm": (195, 225), "pitch": (57, 75), "range": (60, 90), "volume": (55, 68)},
    "low": {"rate_wpm": (130, 155), "pitch": (20, 36), "range": (10, 35), "volume": (20, 28)},
}
_HABITS = {"rate_wpm": 10, "pitch": 6, "range": 8, "volume": 5}  # +- a speaker's own shift
_RATE_SHIFT_WPM = {"en": 0, "zh": 40}  # espeak counts a Mandarin syllable as a slow word


def speakers() -> list[Speaker]:
    """The twenty-four speakers: in each language eight of train, two of val, two of test."""
    return [
        Speaker(
            name=f"{language}-{variant.lower()}",
            language=language,
            gender=("female", "male")[number % 2],
            voice=f"{_ACCENTS[language]}+{variant}",
            split=split,
            number=number,
        )
        for language in _ACCENTS
        for number, (split, variant) in enumerate(_cast(language))
    ]


def _cast(language: str) -> list[tuple[str, str]]:
    """Subset and voice variant of each speaker of a language."""
    return [
        (split, variant)
        for (spoken, split), variants in _VARIANTS.items()
        if spoken == language
        for variant in variants.split()
    ]


def prosody(speaker: Speaker, text: str, arousal: str) -> Prosody:
    """How a speaker says a text: drawn from the ranges of the arousal, shifted by habit."""
    values = {
        cue: named_numbers.integer(f"{speaker.name}/{text}/{arousal}/{cue}", low, high)
        + named_numbers.integer(f"{speaker.name}/{cue}", -_HABITS[cue], _HABITS[cue])
        for cue, (low, high) in _AROUSAL[arousal].items()
    }
    values["rate_wpm"] += _RATE_SHIFT_WPM[speaker.language]
    return Prosody(**values)

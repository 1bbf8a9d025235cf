"""What an importer says of one utterance, and how it is asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.corpora import CorpusError, values


class ImportingError(CorpusError):
    """A corpus of another tool is not as its format says, or cannot be brought in."""


@dataclass(frozen=True)
class Options:
    """What the user says besides where the corpus lies."""

    audio: Path | None = None  # the folder that the paths of audio files start from
    label: str | None = None  # the column, key or file that holds the emotion
    columns: Mapping[str, str] = field(default_factory=dict)  # manifest column -> column there


@dataclass(frozen=True)
class Item:
    """One utterance: its audio, the name that gets in the new corpus, and a row for its table."""

    name: str  # path below the new corpus's folder `audio`
    audio: Path | bytes
    row: Mapping[str, Any]  # columns of the reader `table`, without `path`; None is unknown


def wrong(path: Path, line: int | None, problem: str) -> ImportingError:
    """The error that names the place and the problem: what was found, expected, and what to do."""
    return ImportingError(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")


LANGUAGES = {  # names that metadata give, where a code is expected -> ISO 639-1
    "english": "en",
    "mandarin": "zh",
    "chinese": "zh",
    "german": "de",
    "french": "fr",
    "italian": "it",
    "spanish": "es",
    "polish": "pl",
    "greek": "el",
    "persian": "fa",
    "russian": "ru",
    "turkish": "tr",
    "urdu": "ur",
    "bangla": "bn",
    "bengali": "bn",
    "japanese": "ja",
    "korean": "ko",
    "portuguese": "pt",
    "dutch": "nl",
    "danish": "da",
    "amharic": "am",
    "arabic": "ar",
    "hindi": "hi",
    "cantonese": "yue",
    "swedish": "sv",
}


def language(told: Any) -> str | None:
    """A language by its name or code; None for none."""
    name = str(told or "").strip()
    return LANGUAGES.get(name.casefold(), name) or None


def stated_s(told: Any) -> float | None:
    """A length in seconds that metadata state; None where they state no such number.

    >>> stated_s("1.50"), stated_s(None), stated_s(-1)
    (1.5, None, None)
    """
    try:
        found = values.number(told)
    except ValueError:
        return None
    return found if found > 0 else None


def pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    """`a=b` of the command line.

    >>> pairs("--column", ["speaker=actor"])
    {'speaker': 'actor'}
    """
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise ImportingError(
                f"{option}: found {text!r}, expected two names with = between them"
            )
        found[key] = value
    return found


def emotions(named: Mapping[str, str]) -> dict[str, str | None]:
    """Emotions by raw label, where `none` or nothing stands for none.

    >>> emotions({"grumpy": "angry", "odd": ""})
    {'grumpy': 'angry', 'odd': None}
    """
    return {raw: None if name in ("", "none", "null") else name for raw, name in named.items()}

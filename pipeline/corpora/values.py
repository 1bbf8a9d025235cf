"""Values of a table's cells: text from CSV, or JSON values.

Each function takes one value that is present and returns what the manifest stores; a `ValueError`
says what was found and what was expected.
"""

import json
import math
import re
from pathlib import PurePosixPath
from typing import Any

from pipeline.listing.utterance import Vote, Word

GENDERS = {
    "f": "female",
    "w": "female",  # weiblich
    "female": "female",
    "woman": "female",
    "女": "female",
    "m": "male",
    "male": "male",
    "man": "male",
    "男": "male",
}
LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]+)*", re.IGNORECASE)


def present(value: Any) -> Any:
    """The value without surrounding space, or None when there is nothing."""
    if isinstance(value, str):
        return value.strip() or None
    return None if isinstance(value, float) and math.isnan(value) else value


def text(value: Any) -> str:
    """Any text; whole numbers of JSON (a speaker's number) become text.

    >>> text("Anna"), text(7)
    ('Anna', '7')
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"found {value!r}, expected text")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # JSON can spell half a character: "\ud800"
        raise ValueError(f"found {value!r}, which is not valid Unicode text") from error
    return value


def path(value: Any) -> str:
    """A path inside the corpus's folder, in its shortest spelling.

    >>> path("./a//b.wav")
    'a/b.wav'
    """
    found = PurePosixPath(text(value))
    advice = "expected a path relative to the table's folder and inside it; move the audio there"
    if found.is_absolute() or re.match(r"[A-Za-z]:[\\/]", str(found)):
        raise ValueError(f"found the absolute path {value!r}, {advice}")
    if ".." in found.parts:
        raise ValueError(f"found {value!r}, which leaves the folder by '..', {advice}")
    if not found.name or "\0" in found.name:
        raise ValueError(f"found {value!r}, {advice}")
    return str(found)


def number(value: Any) -> float:
    """A finite number.

    >>> number("1.50"), number(2)
    (1.5, 2.0)
    """
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"found {value!r}, expected a number such as 1.5 (or nothing, if unknown)")
    return found


def whole(value: Any) -> int:
    """A whole number that fits the manifest; `31.0`, as some programs write it, is one.

    >>> whole("31.0")
    31
    """
    try:
        found = number(value)
    except ValueError:
        found = math.nan
    if not (found.is_integer() and abs(found) < 2**15):
        raise ValueError(
            f"found {value!r}, expected a whole number such as 31 (or nothing, if unknown)"
        )
    return int(found)


def gender(value: Any) -> str:
    """`female` or `male` where one of their usual names is found, else the text as it is.

    >>> gender("F"), gender("nonbinary")
    ('female', 'nonbinary')
    """
    return GENDERS.get(text(value).casefold(), text(value))


def language(value: Any) -> str:
    """An ISO 639 code, without the country.

    >>> language("zh-CN"), language("de_DE"), language("EN")
    ('zh', 'de', 'en')
    """
    match = LANGUAGE.fullmatch(text(value))
    if not match:
        raise ValueError(f"found {value!r}, expected an ISO 639-1 code such as zh, en or de")
    return match[1].lower()


def shares(value: Any) -> dict[str, float]:
    """How the raters voted: a JSON object of label and votes (or shares of the votes).

    >>> shares('{"angry": 3, "sad": 1}')
    {'angry': 3.0, 'sad': 1.0}
    """
    expected = 'expected votes per label, such as {"angry": 3, "sad": 1}'
    try:
        votes = _object(value)
        found = {text(label): number(count) for label, count in votes.items()}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise ValueError(f"found {value!r}, {expected}") from error
    if not all(label.strip() for label in found):
        raise ValueError(f"found {value!r}, {expected}: one of its labels is empty")
    if not (sum(found.values()) > 0 and min(found.values()) >= 0):
        raise ValueError(f"found {value!r}, {expected}, at least one of them above zero")
    return found


def words(value: Any) -> tuple[Word, ...]:
    """An alignment: a JSON list of word, start and end in seconds.

    >>> words('[["oh", 0.1, 0.3]]')
    (Word(word='oh', start_s=0.1, end_s=0.3),)
    """
    expected = 'expected words with start and end in seconds, such as [["oh", 0.1, 0.3]]'
    try:
        listed = json.loads(value) if isinstance(value, str) else value
        told = (w.values() if isinstance(w, dict) else w for w in listed)
        found = tuple(Word(text(word), number(start), number(end)) for word, start, end in told)
    except (ValueError, TypeError) as error:
        raise ValueError(f"found {value!r}, {expected}") from error
    for word in found:
        if not 0 <= word.start_s <= word.end_s:
            raise ValueError(f"found the times of {word.word!r} in {value!r}, {expected}")
    return found


def votes(value: Any) -> tuple[Vote, ...]:
    """What each rater said: a JSON object of rater and label, or labels.

    >>> [(vote.rater, vote.labels) for vote in votes('{"r1": "angry", "r2": ["sad", "fear"]}')]
    [('r1', ('angry',)), ('r2', ('sad', 'fear'))]
    """
    expected = 'expected the label of each rater, such as {"r1": "angry", "r2": ["sad", "fear"]}'
    try:
        told = _object(value, "rater", "labels")
        lists = {text(r): [named] if isinstance(named, str) else named for r, named in told.items()}
        found = tuple(Vote(rater, tuple(map(text, named))) for rater, named in lists.items())
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"found {value!r}, {expected}") from error
    if not all(label.strip() for vote in found for label in vote.labels):
        raise ValueError(f"found {value!r}, {expected}: one of the labels is empty")
    return found


def folds(value: Any) -> dict[str, str]:
    """The part that an utterance has in each of several official folds: a JSON object.

    >>> folds('{"1": "train", "2": "test"}')
    {'1': 'train', '2': 'test'}
    """
    expected = 'expected the part in each fold, such as {"1": "train", "2": "test"}'
    try:
        return {text(fold): text(part) for fold, part in _object(value).items()}
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise ValueError(f"found {value!r}, {expected}") from error


def _object(value: Any, key: str = "name", held: str = "value") -> Any:
    """A JSON object; or a list of name and value, as tools without maps keep it, as one."""
    told = json.loads(value) if isinstance(value, str) else value
    if isinstance(told, list):
        return {entry[key] or str(number): entry[held] for number, entry in enumerate(told)}
    return told

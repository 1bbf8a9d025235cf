"""Corpora: where they lie, and who can read them.

A reader is a module with one generator, `read(path, source)`, that looks, parses and yields, and a
`CARD` that says whose corpus it is and what it holds. To add one: a module here, a line in
`READERS`, and a table of its labels in `pipeline/label_tables.py`.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from pipeline.corpora import tree, values
from pipeline.corpora.card import CorpusCard
from pipeline.corpora.errors import CorpusError as CorpusError
from pipeline.listing.utterance import Utterance

READERS: dict[str, str] = {  # reader -> module, imported when it is asked for
    name: f"pipeline.corpora.{name}"
    for name in (
        "aesdd",
        "cafe",
        "casia",
        "cremad",
        "csemotions",
        "demo",
        "emodb",
        "emotiontalk",
        "emovo",
        "enterface",
        "esd",
        "iemocap",
        "jl",
        "m3ed",
        "meld",
        "mer2023",
        "msp_podcast",
        "nemo",
        "polish",
        "ravdess",
        "savee",
        "shemo",
        "subesco",
        "table",
        "tess",
        "urdu",
        "vcemo",
    )
}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CorpusParams:
    """One entry of `corpora` in params.yaml; what may be left out is None."""

    reader: str  # a name in READERS
    path: str  # the corpus's folder; for `table` also the table file itself
    language: str | None = None  # ISO 639-1, for utterances that do not tell theirs
    columns: Mapping[str, str] | None = None  # for `table`: manifest column -> column of the file
    labels: Mapping[str, str | None] | None = None  # raw label -> emotion, beside the reader's own
    require_transcript: bool | None = None  # reject utterances without a transcript
    scale: tuple[float, float] | None = None  # of arousal, valence, dominance: least, most

    def __post_init__(self) -> None:
        """Check what can be told without looking at the corpus.

        Raises:
            CorpusError: there is no such reader, `language` is no code, or `scale` has no width.
        """
        _require_reader(self.reader)
        try:
            values.language(self.language or "en")
        except ValueError as error:
            raise CorpusError(f"language: {error}") from error
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise CorpusError(f"scale: found {list(self.scale)}, expected [least, most], as [1, 5]")


Read = Callable[[Path, CorpusParams], Iterator[Utterance]]


def reader(name: str) -> Read:
    """The generator that reads corpora of one kind.

    Raises:
        CorpusError: no reader has this name.
    """
    _require_reader(name)
    read: Read = import_module(READERS[name]).read
    return read


def card(name: str) -> CorpusCard | None:
    """What a reader's module states of its corpus; None for `table`, which reads any.

    Raises:
        CorpusError: no reader has this name.
    """
    _require_reader(name)
    found: CorpusCard | None = import_module(READERS[name]).CARD
    return found


def scale(source: CorpusParams) -> tuple[float, float] | None:
    """Least and most of its ratings, by the params or by its card; None: not known."""
    stated = card(source.reader)
    return source.scale or (stated.dimensions if stated else None)


def root(source: CorpusParams) -> Path:
    """The folder that the paths of a corpus's utterances start from."""
    place = Path(source.path)
    return place.parent if place.is_file() else place


def utterances(source: CorpusParams) -> Iterator[Utterance]:
    """What a corpus holds, in its reader's order.

    Raises:
        CorpusError: the corpus is not there, cannot be read, is not as its reader expects it, or
            holds nothing.
    """
    try:
        yield from _utterances(source)
    except OSError as error:
        raise CorpusError(
            f"{error.filename or source.path}: cannot be read ({error.strerror}); mend its "
            "permissions or the path"
        ) from error


def _utterances(source: CorpusParams) -> Iterator[Utterance]:
    if not Path(source.path).exists():
        raise CorpusError(
            f"{source.path}: no such file or folder; put the corpus there or correct "
            "its `path` under `corpora` in params.yaml"
        )
    found = faults = 0
    speakers = set()
    for utterance in _read(source):
        found += utterance.fault is None
        faults += utterance.fault is not None
        speakers.add(utterance.speaker)
        yield utterance
    speakers.discard(None)
    if not found + faults:
        raise CorpusError(f"{source.path}: the reader {source.reader!r} found no utterance in it")
    _compare(source, found, len(speakers))


def _read(source: CorpusParams) -> Iterator[Utterance]:
    """Read a corpus where it begins, be it a folder or two below the path of the params."""
    path, read, known = Path(source.path), reader(source.reader), card(source.reader)
    home = _home(path, known.marks) if known and known.marks and path.is_dir() else path
    below = home.relative_to(path).as_posix()
    used = set()
    for utterance in read(home, source):
        used.add(utterance.path)
        yield utterance if home == path else replace(utterance, path=f"{below}/{utterance.path}")
    if known and known.listed:
        tree.tell_unused(home, used)


def _home(root: Path, marks: tuple[str, ...]) -> Path:
    """The folder that holds one of `marks`: `root`, or one at most two below it; else `root`."""
    places = ([root], root.glob("*/"), root.glob("*/*/"))
    for folder in (folder for found in places for folder in sorted(found)):
        if any(os.path.exists(folder / mark) for mark in marks):  # noqa: PTH110 - it never raises
            return folder
    return root


def _compare(source: CorpusParams, utterances: int, speakers: int) -> None:
    """Warn when a corpus is not as large as its card says; parts of corpora are in use."""
    known = card(source.reader)
    for what, found, expected in (
        ("utterances", utterances, known and known.utterances),
        ("speakers", speakers, known and known.speakers),
    ):
        if known and expected is not None and found != expected:
            log.warning(
                "%s: found %d %s, the full %s has %d; go on if that is the part you mean to use",
                *(source.path, found, what, known.title, expected),
            )


def _require_reader(name: str) -> None:
    if name not in READERS:
        known = ", ".join(sorted(READERS))
        raise CorpusError(f"reader: found {name!r}, expected one of {known}")

"""Corpora: where they lie, and who can read them.

A reader is a module with one generator, `read(root, source)`, that looks, parses and yields. To add
one: a module here, a line in `READERS`, and a table of its labels in `pipeline/labels.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pipeline.corpora import values
from pipeline.listing.utterance import Utterance

READERS: dict[str, str] = {  # reader -> module, imported when it is asked for
    "demo": "pipeline.corpora.demo",
    "emodb": "pipeline.corpora.emodb",
    "table": "pipeline.corpora.table",
}


class CorpusError(ValueError):
    """A corpus is not as its reader expects it."""


@dataclass(frozen=True)
class CorpusParams:
    """One entry of `corpora` in params.yaml; what may be left out is None."""

    reader: str  # a name in READERS
    path: str  # the corpus's folder; for `table` also the table file itself
    language: str | None = None  # ISO 639-1, for utterances that do not tell theirs
    columns: Mapping[str, str] | None = None  # for `table`: manifest column -> column of the file
    labels: Mapping[str, str] | None = None  # raw label -> emotion, beside the reader's own table
    require_transcript: bool | None = None  # reject utterances without a transcript

    def __post_init__(self) -> None:
        """Check what can be told without looking at the corpus.

        Raises:
            CorpusError: there is no such reader, or `language` is no code.
        """
        _require_reader(self.reader)
        try:
            values.language(self.language or "en")
        except ValueError as error:
            raise CorpusError(f"language: {error}") from error


Read = Callable[[Path, CorpusParams], Iterator[Utterance]]


def reader(name: str) -> Read:
    """The generator that reads corpora of one kind.

    Raises:
        CorpusError: no reader has this name.
    """
    _require_reader(name)
    read: Read = import_module(READERS[name]).read
    return read


def root(source: CorpusParams) -> Path:
    """The folder that the paths of a corpus's utterances start from."""
    place = Path(source.path)
    return place.parent if place.is_file() else place


def utterances(source: CorpusParams) -> Iterator[Utterance]:
    """What a corpus holds, in its reader's order.

    Raises:
        CorpusError: the corpus is not there, not as its reader expects it, or holds nothing.
    """
    read = reader(source.reader)
    if not Path(source.path).exists():
        raise CorpusError(
            f"{source.path}: no such file or folder; put the corpus there or correct "
            "its `path` under `corpora` in params.yaml"
        )
    empty = True
    for utterance in read(Path(source.path), source):
        empty = False
        yield utterance
    if empty:
        raise CorpusError(f"{source.path}: the reader {source.reader!r} found no utterance in it")


def _require_reader(name: str) -> None:
    if name not in READERS:
        known = ", ".join(sorted(READERS))
        raise CorpusError(f"reader: found {name!r}, expected one of {known}")

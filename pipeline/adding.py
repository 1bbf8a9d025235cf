"""`vcemo corpus add`: a folder becomes a corpus of the project, with its manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import enlisting, layout, stages
from pipeline.corpora import CorpusError
from pipeline.corpus import Corpus
from pipeline.listing.summary import Summary
from pipeline.params import load


@dataclass(frozen=True)
class Addition:
    """What is asked for; None and nothing are left out of the entry."""

    name: str
    place: Path
    reader: str | None = None  # None: the reader of that name, else `table`
    language: str | None = None
    columns: Mapping[str, str] | None = None
    labels: Mapping[str, str | None] | None = None


def add(asked: Addition, workers: int) -> Summary:
    """Link the corpus, enlist it, make its manifest.

    A corpus that its reader cannot read is taken out again. Labels to map or too many rejects leave
    it in params.yaml, where the message says what to change.

    Raises:
        ParamsError: the name is taken or is none, or nothing is at the place.
        CorpusError: its reader cannot read it.
        LabelError, ManifestError: it is enlisted, and wants something of you.
    """
    enlisting.require_free(asked.name)
    before = layout.PARAMS.read_bytes()
    path = enlisting.link(asked.name, asked.place)
    entry: dict[str, Any] = {
        "reader": asked.reader or enlisting.guessed_reader(asked.name),
        "path": path.as_posix(),
        "language": asked.language,
        "columns": asked.columns,
        "labels": asked.labels,
    }
    try:
        enlisting.enlist(asked.name, {key: value for key, value in entry.items() if value})
        return stages.run_manifest(Corpus.named(asked.name, load()), workers)
    except (CorpusError, FileNotFoundError):
        layout.PARAMS.write_bytes(before)
        if (at := layout.raw(asked.name)).is_symlink() and path.is_relative_to(at):
            at.unlink()
        raise

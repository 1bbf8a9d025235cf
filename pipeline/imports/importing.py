"""One import from beginning to end: read the other tool's files, write the folder, enlist it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline import enlisting, layout
from pipeline.imports import emobox
from pipeline.imports.items import ImportingError, Item, Options
from pipeline.imports.writing import write

FORMATS = {  # format -> module, imported when it is asked for
    "emobox": "pipeline.imports.emobox",
    "audformat": "pipeline.imports.audformat",
    "kaldi": "pipeline.imports.kaldi",
    "lhotse": "pipeline.imports.lhotse",
    "huggingface": "pipeline.imports.huggingface",
}
TABLE = "table"  # read where it lies

Items = Callable[[Path, Options], Iterator[Item]]


@dataclass(frozen=True)
class Request:
    """What is asked of an import."""

    form: str
    source: Path
    name: str
    options: Options
    labels: Mapping[str, str | None]  # raw label -> emotion
    language: str | None = None
    copy: bool = False


@dataclass(frozen=True)
class Imported:
    """What an import made."""

    name: str
    path: Path
    utterances: int | None  # None where the table is read as it is

    def __str__(self) -> str:
        """One line for the log."""
        told = "its table" if self.utterances is None else f"{self.utterances} utterances"
        return f"import {self.name}: {told} at {self.path}, now in {layout.PARAMS}"


def run(request: Request) -> Imported:
    """Bring a corpus in and enlist it in params.yaml.

    Raises:
        ImportingError: the source is not as its format says.
        ParamsError: the name is taken, or is none.
    """
    if request.form == TABLE:
        return _in_place(request)
    if request.form not in FORMATS:
        known = ", ".join([*FORMATS, TABLE])
        raise ImportingError(f"format: found {request.form!r}, expected one of {known}")
    read: Items = import_module(FORMATS[request.form]).items
    folder = layout.raw(request.name)
    if folder.exists():
        raise ImportingError(f"{folder}: is there already; choose another name, or move it away")
    entry: dict[str, Any] = {"reader": TABLE, "path": folder.as_posix()}
    labels = dict(request.labels)
    seen: set[str] = set()
    provenance: dict[str, Any] = {"format": request.form, "source": str(request.source)}
    provenance |= {"label": request.options.label, "columns": dict(request.options.columns)}
    enlisting.require_free(request.name)
    items = _watched(read(request.source, request.options), seen)
    count = write(folder, items, provenance, copy=request.copy)
    if request.form == "emobox":
        labels = emobox.labels(request.source, seen) | labels
    enlisting.enlist(request.name, entry | _more(request.language, labels))
    return Imported(request.name, folder, count)


def _in_place(request: Request) -> Imported:
    path = enlisting.link(request.name, request.source)
    columns = dict(request.options.columns)
    if request.options.label:
        columns["raw_label"] = request.options.label
    entry: dict[str, Any] = {"reader": TABLE, "path": path.as_posix()}
    if columns:
        entry["columns"] = columns
    enlisting.enlist(request.name, entry | _more(request.language, request.labels))
    return Imported(request.name, path, None)


def _more(language: str | None, labels: Mapping[str, str | None]) -> dict[str, Any]:
    more: dict[str, Any] = {"language": language} if language else {}
    return more | ({"labels": dict(labels)} if labels else {})


def _watched(items: Iterable[Item], seen: set[str]) -> Iterator[Item]:
    """The same items; their raw labels are noted."""
    for item in items:
        if raw := item.row.get("raw_label"):
            seen.add(str(raw))
        yield item

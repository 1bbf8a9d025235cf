"""A corpus for the reader `table`, made of an importer's items: links, a table, and where from."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from pipeline.corpora import values
from pipeline.files import appearing_folder, write_json
from pipeline.imports.items import ImportingError, Item

TABLE = "metadata.jsonl"
PROVENANCE = "import.json"
AUDIO = "audio"


def write(folder: Path, items: Iterable[Item], provenance: Mapping[str, Any], *, copy: bool) -> int:
    """Make the folder; returns the number of utterances. It appears whole or not at all.

    Every recording is a link of its own, because DVC looks into linked files and not into linked
    folders.

    Raises:
        ImportingError: there is nothing, two recordings have one name, or a name is none.
    """
    placed: dict[str, Path | bytes] = {}
    count = 0
    with appearing_folder(folder) as fresh:
        with (fresh / TABLE).open("w", encoding="utf-8") as table:
            for item in _readable(items, provenance["source"]):
                try:
                    _write_item(item, fresh, table, placed, copy=copy)
                except (ValueError, OSError) as error:  # a path that no disk takes, no text, ...
                    raise ImportingError(
                        f"{provenance['source']}: {item.name[:80]!a}: {error}; correct it there"
                    ) from error
                count += 1
        if not count:
            raise ImportingError(f"{provenance['source']}: found no utterance in it")
        write_json(fresh / PROVENANCE, {**provenance, "utterances": count, "audio": len(placed)})
    return count


def _readable(items: Iterable[Item], source: Any) -> Iterator[Item]:
    """The same items; what keeps files from being read is told as a fault of the source."""
    try:
        yield from items
    except OSError as error:
        raise ImportingError(
            f"{source}: {error}; mend its permissions, or correct it there"
        ) from error


def _write_item(
    item: Item, fresh: Path, table: TextIO, placed: dict[str, Path | bytes], *, copy: bool
) -> None:
    name = values.path(f"{AUDIO}/{item.name}")
    if name not in placed:
        _place(item.audio, fresh / name, copy=copy)
        placed[name] = item.audio
    elif placed[name] != item.audio:
        raise ImportingError(
            f"two recordings would both be called {name}: {_said(placed[name])} and "
            f"{_said(item.audio)}; rename one of them"
        )
    row = {key: value for key, value in item.row.items() if value is not None}
    table.write(json.dumps({"path": name, **row}, ensure_ascii=False) + "\n")


def common_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Names of files relative to the folder that all of them lie below."""
    places = {path: path.absolute() for path in paths}
    folders = {str(place.parent) for place in places.values()}
    top = Path(os.path.commonpath(folders)) if folders else Path()
    return {path: place.relative_to(top).as_posix() for path, place in places.items()}


def _place(audio: Path | bytes, at: Path, *, copy: bool) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(audio, bytes):
        at.write_bytes(audio)
    elif copy and audio.exists():
        shutil.copyfile(audio, at)
    else:  # also to what is not there: the manifest then says so of each
        at.symlink_to(audio.absolute())


def _said(audio: Path | bytes) -> str:
    return str(audio) if isinstance(audio, Path) else f"{len(audio)} bytes"

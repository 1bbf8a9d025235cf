"""A corpus for the reader `table`, made of an importer's items: links, a table, and where from."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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
        ImportingError: there is nothing, or two recordings have one name.
    """
    placed: dict[str, Path | bytes] = {}
    count = 0
    with appearing_folder(folder) as fresh:
        with (fresh / TABLE).open("w", encoding="utf-8") as table:
            for item in items:
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
                count += 1
        if not count:
            raise ImportingError(f"{provenance['source']}: found no utterance in it")
        write_json(fresh / PROVENANCE, {**provenance, "utterances": count, "audio": len(placed)})
    return count


def common_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Names of files relative to the folder that all of them lie below."""
    paths = list(paths)
    top = Path(os.path.commonpath([path.parent for path in paths])) if paths else Path()
    return {path: path.relative_to(top).as_posix() for path in paths}


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

"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

TEMPORARY = ".tmp-"


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file beside `path`, then give it its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    write(temporary)
    _flush(temporary)
    temporary.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole."""
    write_whole(path, lambda place: _write_exactly(place, text))


def make_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` put files into a temporary folder, then give it its name.

    All is on the disk before it has its name: even a power failure leaves no half result.
    """
    temporary = folder.with_name(f"{TEMPORARY}{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    fill(temporary)
    for path in (*temporary.iterdir(), temporary):
        _flush(path)
    temporary.rename(folder)
    _flush(folder.parent)


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_exactly(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:  # the same bytes on every system
        file.write(text)

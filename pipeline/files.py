"""Files that appear whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY = ".tmp-"


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; what is written there takes `path`'s name at the end.

    The content is on disk before the name is (fsync), so a crash leaves the old file or the new.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def appearing_folder(out: Path) -> Iterator[Path]:
    """A fresh folder beside `out` to write into; it takes the place of `out` at the end.

    An exception leaves `out` as it was. What a killed run left is cleared first.

    Raises:
        BusyError: another process is writing `out`.
    """
    fresh, old = (out.with_name(f"{TEMPORARY}{kind}-{out.name}") for kind in ("new", "old"))
    with sole_writer(out):
        try:
            for leftover in (fresh, old):
                shutil.rmtree(leftover, ignore_errors=True)
            fresh.mkdir()
            yield fresh
            if out.exists():  # a folder cannot be renamed onto a full one
                out.rename(old)
            fresh.rename(out)
        finally:
            for leftover in (fresh, old):
                shutil.rmtree(leftover, ignore_errors=True)


class BusyError(ValueError):
    """Another process is writing the same folder."""


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, and clear what a killed run left half-written.

    Raises:
        BusyError: another process is writing there.
    """
    with lock(folder):
        for leftover in folder.glob(f"{TEMPORARY}*"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        yield


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; what a killed run left there stays, to go on from.

    Raises:
        BusyError: another process is writing there.
    """
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(folder.with_name(f".{folder.name}.lock"), timeout=0)
    try:
        held.acquire()
    except Timeout:
        raise BusyError(
            f"{folder}: another process is writing here (a killed `dvc` can leave its stage "
            "running); wait for it to end, or end it, then run again"
        ) from None
    try:
        yield
    finally:
        held.release()


def write_json(path: Path, value: Any) -> None:
    """JSON with sorted keys: the same value always gives the same bytes."""
    with appearing(path) as temporary:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")

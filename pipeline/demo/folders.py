"""Folders that appear whole or not at all."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.files import TEMPORARY


@contextmanager
def appearing_whole(out: Path) -> Iterator[Path]:
    """A fresh folder beside `out` to write into; it takes the place of `out` if the block succeeds.

    An exception inside the block leaves `out` as it was. A folder left by a killed run is removed
    first, so a repeated run starts clean.
    """
    fresh = out.with_name(f"{TEMPORARY}{out.name}")
    old = out.with_name(f"{TEMPORARY}old-{out.name}")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    if out.exists():  # a folder cannot be renamed onto a full one
        out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old, ignore_errors=True)

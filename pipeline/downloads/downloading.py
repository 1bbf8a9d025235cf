"""`vcemo corpus download`: a corpus from its free source into `data/raw`."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline import layout
from pipeline.corpora.card import Archive, CorpusCard
from pipeline.downloads import DownloadError
from pipeline.downloads.fetching import Progress, fetch
from pipeline.downloads.ledger import compare
from pipeline.downloads.unpacking import unpack
from pipeline.files import appearing_folder, write_json

log = logging.getLogger(__name__)


def require_free_source(stated: CorpusCard | None, name: str) -> CorpusCard:
    """The card of a corpus that can be downloaded.

    Raises:
        DownloadError: there is no such source; says how else to get it.
    """
    if stated is None:
        raise DownloadError(f"{name}: the reader reads any corpus, so there is none to download")
    if not stated.archives:
        raise DownloadError(
            f"{stated.title} has no free direct source that is known here. To get it: "
            f"{stated.access} ({stated.home}). Then: vcemo corpus add {name} FOLDER"
        )
    return stated


def download(stated: CorpusCard, name: str, *, keep: bool = False) -> Path:
    """Fetch, check and unpack the archives of a corpus; its folder appears whole or not at all.

    Args:
        keep: leave the archives in `data/downloads`; they are removed else.

    Raises:
        DownloadError: something is there already, cannot be fetched, or is not what it should be.
    """
    folder, store = layout.raw(name), layout.downloads(name)
    if folder.exists():
        raise DownloadError(f"{folder}: is there already; remove it to download it anew")
    found = {}
    for archive in stated.archives:
        file, known = store / archive.name, archive.digest and archive.size
        with _shown(archive.name) as progress:
            digest = fetch(archive.url, file, archive.digest, progress, size=known or None)
        compare(archive, file, digest)
        found[archive.name] = {"url": archive.url, "digest": digest}
    with appearing_folder(folder) as fresh:
        for archive in stated.archives:
            _place(archive, store / archive.name, fresh / archive.folder)
        write_json(fresh / "download.json", found)
    if not keep:
        shutil.rmtree(store)
    return folder


def _place(archive: Archive, file: Path, folder: Path) -> None:
    if archive.unpack:
        log.info("%s: %d files", archive.name, unpack(file, folder))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / archive.name)


@contextmanager
def _shown(name: str) -> Iterator[Progress]:
    """A bar on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        bar = bars.add_task(name, total=None)
        yield lambda have, total: bars.update(bar, completed=have, total=total)

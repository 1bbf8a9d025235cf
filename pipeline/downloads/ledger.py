"""What was downloaded before: it stands in for the checksums that nobody publishes.

The first download of a file is trusted and noted, in a small file that belongs into git; every
later one, by anyone who has that file, must be the same.
"""

import json
import logging
from pathlib import Path
from typing import Any

from pipeline import layout
from pipeline.corpora.card import Archive
from pipeline.downloads import DownloadError
from pipeline.files import write_json

log = logging.getLogger(__name__)


def offered(archive: Archive) -> str:
    """One line on how an archive will be checked.

    >>> offered(Archive(url="http://x.example/a.zip", name="a.zip", size=3, digest="md5:0"))
    'a.zip, 3 bytes, must be md5:0'
    """
    size = f"{archive.size} bytes" if archive.size else "of unknown size"
    if archive.digest:
        return f"{archive.name}, {size}, must be {archive.digest}"
    later = "the first download is noted, later ones compared"
    why = "" if archive.fixed else " (its source packs it anew each time)"
    return f"{archive.name}, {size}, no published checksum is known{why}: {later}"


def compare(archive: Archive, file: Path, digest: str) -> None:
    """Compare an archive without a published checksum with its first download, or note it.

    Raises:
        DownloadError: it is another than the first one, and its source does not pack it anew.
    """
    if archive.digest is not None:
        return  # `fetch` compared it
    size, ledger = file.stat().st_size, layout.DOWNLOADED
    if archive.size is not None and size != archive.size:
        log.warning(
            "%s: has %d bytes, expected %d: its owners may have changed it; look at its home page",
            *(archive.url, size, archive.size),
        )
    noted = _noted(ledger)
    first = noted.get(archive.url)
    if first is None:
        write_json(ledger, noted | {archive.url: {"digest": digest, "bytes": size}})
        log.warning(
            "%s: no published checksum is known, so it is trusted this once: %s, noted in %s, "
            "which belongs into git: later downloads are compared with it",
            *(archive.name, digest, ledger),
        )
    elif first["digest"] == digest:
        log.info("%s: the same as when it was first downloaded (%s)", archive.name, ledger)
    elif not archive.fixed:
        log.warning(
            "%s: differs from the first download (%s, now %s), as its source packs it anew",
            *(archive.name, first["digest"], digest),
        )
    else:
        raise DownloadError(
            f"{archive.url}: found {digest} ({size} bytes), but the first download was "
            f"{first['digest']} ({first['bytes']} bytes; {ledger}). It changed at its source or on "
            f"its way: remove {file} to fetch it again, or, if its owners say that they changed "
            f"it, its entry in {ledger} to trust the new one"
        )


def _noted(ledger: Path) -> dict[str, Any]:
    """URL -> digest and bytes.

    Raises:
        DownloadError: the file is damaged.
    """
    if not ledger.exists():
        return {}
    try:
        found = json.loads(ledger.read_text(encoding="utf-8"))
        known = {
            url: {"digest": str(e["digest"]), "bytes": int(e["bytes"])} for url, e in found.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DownloadError(
            f"{ledger}: found {type(error).__name__} ({error}), expected JSON of address, digest "
            "and bytes; get it from git, or remove it to trust the next downloads"
        ) from error
    return known

"""One file over HTTP: goes on where it broke off, and is not taken before its checksum is right."""

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.downloads import DownloadError

CHUNK = 1 << 20  # bytes
ATTEMPTS = 5  # in a row that bring nothing new
PATIENCE_S = 30.0  # without a byte
PAUSE_S = 1.0  # before the second attempt, twice that before the third, ...

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known

log = logging.getLogger(__name__)


def fetch(
    url: str,
    to: Path,
    digest: str | None,
    progress: Progress,
    *,
    size: int | None = None,
    pause_s: float = PAUSE_S,
) -> str:
    """Download a file, or what is missing of it; returns its digest (SHA-256 if none is given).

    What arrived lies in `<to>.part` until all is there and right; a later call goes on with it if
    the server still has the same file (`If-Range` with its ETag or date).

    Args:
        size: what the file must have, in bytes; another is refused before anything is fetched.

    Raises:
        DownloadError: there is no network, the server refuses, or size or checksum are others.
    """
    if not to.exists():
        part = to.with_name(f"{to.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        _complete(url, part, progress, size, pause_s)
        found = digest_of(part, digest)
        if digest and found != digest:
            part.unlink()
            raise DownloadError(
                f"{url}: found {found}, expected {digest}. The file changed at its source or on "
                "its way; try again, and if it stays so tell those who look after this project"
            )
        part.replace(to)
        _mark(part).unlink(missing_ok=True)
        return found
    found = digest_of(to, digest)
    if digest and found != digest:
        raise DownloadError(f"{to}: found {found}, expected {digest}; remove the file, try again")
    return found


def digest_of(path: Path, like: str | None) -> str:
    """The digest of a file, by the algorithm of another digest (SHA-256 for None)."""
    kind = like.partition(":")[0] if like else "sha256"
    with path.open("rb") as file:
        return f"{kind}:{hashlib.file_digest(file, kind).hexdigest()}"


def _complete(url: str, part: Path, progress: Progress, size: int | None, pause_s: float) -> None:
    """Ask until the file is whole."""
    import requests
    import urllib3

    failures = 0
    while True:
        before = _size(part)
        try:
            if _go_on(url, part, progress, size):
                return
            trouble = "the connection ended early"
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            trouble = _innermost(error)
        failures = 1 if _size(part) > before else failures + 1
        if failures >= ATTEMPTS:
            raise DownloadError(
                f"{url}: cannot be fetched ({trouble}). Is there a network here? "
                f"{_size(part)} bytes are kept in {part}; run the same command again to go on"
            )
        log.info("%s: %s; trying again", url, trouble)
        time.sleep(pause_s * failures)


def _innermost(error: BaseException) -> str:
    """What went wrong at the bottom of a chain of errors, which libraries wrap again and again."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error) or type(error).__name__


def _go_on(url: str, part: Path, progress: Progress, size: int | None) -> bool:
    """Append what the server sends; whether the file is whole then."""
    import requests

    have, known = _size(part), _told(_mark(part))
    asked = {"Accept-Encoding": "identity"}
    if have and known.get("validator"):
        asked |= {"Range": f"bytes={have}-", "If-Range": known["validator"]}
    with requests.get(url, headers=asked, stream=True, timeout=PATIENCE_S) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink(missing_ok=True)
            return False
        if answer.status_code not in (requests.codes.ok, requests.codes.partial_content):
            raise DownloadError(
                f"{url}: the server answers {answer.status_code} {answer.reason}; look at the "
                "corpus's home page whether it has moved"
            )
        resumed = answer.status_code == requests.codes.partial_content
        have = have if resumed else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        if None not in (size, total) and total != size:
            raise DownloadError(
                f"{url}: the server offers {total} bytes, expected {size}. The file changed at its "
                "source; look at the corpus's home page, and tell those who look after this project"
            )
        _require_space(part.parent, (total or 0) - have)
        validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        weak = (validator or "").startswith("W/")
        _mark(part).write_text(json.dumps({"validator": None if weak else validator}))
        with part.open("ab" if resumed else "wb") as file:
            while chunk := answer.raw.read1(CHUNK):  # what has come: a break loses none of it
                file.write(chunk)
                have += len(chunk)
                progress(have, total)
    return total is None or have == total


def _require_space(folder: Path, more: int) -> None:
    free = shutil.disk_usage(folder).free
    if more > free:
        raise DownloadError(f"{folder}: {more} bytes are to come, {free} are free; make room")


def _mark(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _told(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

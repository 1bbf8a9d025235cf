"""Archives unpacked with care: nothing outside the folder, no links, no more than was agreed."""

import re
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pipeline.downloads import DownloadError

CHUNK = 1 << 20
STRAY = ("__MACOSX", ".DS_Store")  # what some archivers leave


@dataclass(frozen=True)
class Limits:
    """What an archive may hold."""

    most_bytes: int = 200 << 30
    most_files: int = 2_000_000
    most_ratio: float = 200.0  # unpacked by packed, beyond `free_bytes`
    free_bytes: int = 100 << 20  # so much may be unpacked whatever the ratio


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    name: str
    size: int
    what: Any  # the archive's own entry


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> int:
    """Unpack a zip or tar file into a folder; returns the number of files.

    All names are looked at before the first file is written; sizes are counted as they come out,
    since what an archive says of them may be a lie.

    Raises:
        DownloadError: it is no such archive or damaged, or it holds what it must not.
    """
    limits = limits or Limits()
    left = min(
        limits.most_bytes,
        max(limits.free_bytes, int(limits.most_ratio * archive.stat().st_size)),
    )
    try:
        with _opened(archive) as (members, open_member):
            found = [m for m in members if not set(PurePosixPath(m.name).parts) & {*STRAY}]
            _require_sound(archive, found, limits, left)
            for member in found:
                with open_member(member.what) as source:
                    left -= _copy(source, folder / _safe(archive, member.name), left, archive)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError) as error:
        raise DownloadError(f"{archive}: cannot be unpacked ({error}); fetch it again") from error
    return len(found)


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[list[Member], Any]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            yield (
                [_zip_member(archive, i) for i in zipped.infolist() if not i.is_dir()],
                zipped.open,
            )
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tarred:
            members = [_tar_member(archive, i) for i in tarred.getmembers() if not i.isdir()]
            yield members, tarred.extractfile
    else:
        raise DownloadError(f"{archive}: expected a zip or tar file; fetch it again")


def _zip_member(archive: Path, info: zipfile.ZipInfo) -> Member:
    if (info.external_attr >> 16) & 0o170000 == 0o120000:
        raise _refused(archive, info.filename, "a link")
    return Member(info.filename, info.file_size, info)


def _tar_member(archive: Path, info: tarfile.TarInfo) -> Member:
    if not info.isfile():
        raise _refused(archive, info.name, "a link or a device")
    return Member(info.name, info.size, info)


def _require_sound(archive: Path, members: list[Member], limits: Limits, most: int) -> None:
    names = [_safe(archive, member.name) for member in members]
    if len(names) > limits.most_files:
        raise _refused(archive, f"{len(names)} files", f"more than {limits.most_files}")
    if (total := sum(member.size for member in members)) > most:
        raise _refused(archive, f"{total} bytes", f"more than {most}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _refused(archive, str(twice), "twice")


def _safe(archive: Path, name: str) -> PurePosixPath:
    """The name as a path below a folder.

    Raises:
        DownloadError: it would lead out of it.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
        raise _refused(archive, name, "a path that leads out of the folder")
    if not path.name:
        raise _refused(archive, name, "no name")
    return path


def _copy(source: IO[bytes], to: Path, most: int, archive: Path) -> int:
    to.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with to.open("xb") as file:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            if written > most:
                raise _refused(archive, to.name, "more bytes than the archive may hold")
            file.write(chunk)
    return written


def _refused(archive: Path, found: str, what: str) -> DownloadError:
    return DownloadError(
        f"{archive}: found {found!r} in it, {what}; nothing was unpacked. An archive of a corpus "
        "has no such thing: look where it came from"
    )

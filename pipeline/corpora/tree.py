"""The files of a corpus's folder, and those among them that are its recordings.

Readers know their recordings by pattern. What else lies in the folder is of two kinds. A recording
beside others of the corpus (in the same folder) whose name the pattern does not know is a reject,
so that nothing is lost unseen. Anything elsewhere, or of another kind, is no part of the corpus
and is counted in the log.
"""

import logging
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.corpora.errors import CorpusError
from pipeline.listing.utterance import Utterance

SOUND = (".wav", ".flac", ".mp3", ".ogg", ".mp4", ".avi", ".m4a", ".mkv")
SYSTEM = ("__macosx", "desktop.ini", "thumbs.db")  # of Windows and macOS; nobody's recordings
MAX_NAMED = 5  # files in one line of the log

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recordings:
    """The recordings of a corpus, in the order of their paths."""

    named: list[tuple[str, re.Match[str]]]  # relative path, and what its name tells
    rejects: list[Utterance]  # recordings among them with a name that tells nothing


def files(root: Path) -> list[str]:
    """All files below a folder as relative paths with /, sorted; hidden ones left out.

    Links are followed, except back into a folder that they lie in.

    Raises:
        CorpusError: a folder cannot be listed.
    """
    return sorted(_below(root, "", frozenset()))


def recordings(root: Path, pattern: re.Pattern[str], example: str) -> Recordings:
    """The files whose path ends as the pattern says, and their doubtful neighbours.

    Raises:
        CorpusError: there is no such file, or a folder cannot be listed.
    """
    found = files(root)
    tail = re.compile(rf"(?:.*/)?{pattern.pattern}", pattern.flags)
    matches = {file: match for file in found if (match := tail.fullmatch(file))}
    if not matches:
        raise CorpusError(
            f"{root}: found no recording like {example} among its {len(found)} files; let `path` "
            "name the folder of the corpus as it is unpacked"
        )
    homes = {str(PurePosixPath(file).parent) for file in matches}
    others = [file for file in found if file not in matches]
    doubtful = [file for file in others if is_sound(file) and _home(file) in homes]
    _tell(root, sorted(set(others) - set(doubtful)))
    fault = f"which tells neither speaker nor label; expected one like {example}"
    rejects = [
        Utterance(path=file, fault=f"found the name {PurePosixPath(file).name}, {fault}; rename it")
        for file in doubtful
    ]
    return Recordings(list(matches.items()), rejects)


def tell_unused(root: Path, used: Collection[str]) -> None:
    """Count in the log what a corpus's label files do not name.

    Raises:
        CorpusError: a folder cannot be listed.
    """
    _tell(root, [file for file in files(root) if file not in used])


def is_sound(file: str) -> bool:
    """Whether a file's suffix is that of a recording."""
    return file.lower().endswith(SOUND)


def _home(file: str) -> str:
    return str(PurePosixPath(file).parent)


def _tell(root: Path, others: list[str]) -> None:
    sounds = [file for file in others if is_sound(file)]
    if sounds:
        first = ", ".join(sounds[:MAX_NAMED])
        log.warning(
            "%s: left out %d recordings beside the corpus's own: %s", root, len(sounds), first
        )
    if rest := len(others) - len(sounds):
        log.info("%s: passed over %d files of other kinds", root, rest)


def _below(root: Path, inside: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    """Files of one folder and, first to last, of those in it; `above` are the folders it is in."""
    folder = root / inside
    try:
        status = folder.stat()
        here = above | {(status.st_dev, status.st_ino)}
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except OSError as error:
        raise CorpusError(
            f"{folder}: cannot be listed ({error.strerror}); mend its permissions or the path"
        ) from error
    for entry in entries:
        if entry.name.startswith(".") or entry.name.casefold() in SYSTEM:
            continue
        if not _writable(entry.name):
            log.warning("%s: left out %a, which is no Unicode text; rename it", folder, entry.name)
            continue
        path = f"{inside}/{entry.name}" if inside else entry.name
        if _is_folder(entry):
            status = (root / path).stat()
            if (status.st_dev, status.st_ino) not in here:
                yield from _below(root, path, here)
        else:
            yield path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself; as a file it is found unreadable
        return False


def _writable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True

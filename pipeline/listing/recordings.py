"""The facts of one audio file: read once, hashed, decoded."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np

from pipeline.keys import digest, key_of
from pipeline.listing.rejects import Rejection

END_TOLERANCE_S = 0.04  # a segment may end so much after its file (`read_audio` allows 0.05)

Segment = tuple[float | None, float | None]  # start and end in seconds; (None, None) = whole file
WHOLE: Segment = (None, None)


@dataclass(frozen=True, slots=True)
class Recording:
    """The audio of one utterance, a whole file or a segment of one."""

    duration_s: float
    sample_rate_hz: int  # of the file
    channels: int  # of the file
    peak: float  # largest magnitude, 1.0 = full scale
    power: float  # mean square of the samples
    snr_db: float | None  # estimated; None for digital silence
    finite: bool  # no NaN, no infinite sample
    audio_key: str  # hash of the file's bytes; for a segment of that hash, start and end


class _Named(BytesIO):
    """Bytes with a file's name, which errors then tell instead of an address in memory."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name

    def __repr__(self) -> str:
        return repr(self.name)


def examine(path: Path, segments: Sequence[Segment]) -> list[Recording | Rejection]:
    """The facts of each segment of one file, or why there are none.

    Details never hold the place of the file on this machine: they end up in cached outputs.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return _all(segments, Rejection("missing-file", f"no such file{_hint(path)}"))
    except OSError as error:
        return _all(segments, Rejection("unreadable", f"{error.strerror}"))
    if not data:
        return _all(segments, Rejection("empty", "the file has 0 bytes"))
    return _examine(_Named(data, path.name), segments)


def _examine(file: _Named, segments: Sequence[Segment]) -> list[Recording | Rejection]:
    from features.audio import AudioError, probe

    try:
        facts = probe(file)
    except AudioError as error:
        return _all(segments, Rejection("unreadable", str(error)))
    if not facts.duration_s:
        return _all(segments, Rejection("empty", "the file has no sample"))
    whole = Recording(
        duration_s=facts.duration_s,
        sample_rate_hz=facts.sample_rate_hz,
        channels=facts.channels,
        peak=facts.peak,
        power=facts.power,
        snr_db=facts.snr_db,
        finite=not facts.has_nan,
        audio_key=digest(file.getvalue()),
    )
    return [whole if s == WHOLE else _segment(file, whole, s) for s in segments]


def _segment(file: _Named, whole: Recording, segment: Segment) -> Recording | Rejection:
    from features.audio import AudioError, read_audio
    from features.snr import tallies, wada_snr_db

    start = segment[0] or 0.0
    end = whole.duration_s if segment[1] is None else segment[1]
    if not 0 <= start < end <= whole.duration_s + END_TOLERANCE_S:
        return Rejection(
            "bad-segment",
            f"found start {start:g} s and end {end:g} s, expected "
            f"0 <= start < end <= {whole.duration_s:g} s, the length of the file",
        )
    file.seek(0)
    try:
        x = read_audio(file, whole.sample_rate_hz, start_s=start, end_s=end)
    except AudioError as error:
        return Rejection("bad-segment" if whole.finite else "not-finite", str(error))
    return Recording(
        duration_s=len(x) / whole.sample_rate_hz,
        sample_rate_hz=whole.sample_rate_hz,
        channels=whole.channels,
        peak=float(np.abs(x).max(initial=0.0)),
        power=float(np.square(x, dtype=np.float64).mean()),
        snr_db=wada_snr_db(tallies(x)),
        finite=True,  # `read_audio` refuses anything else
        audio_key=key_of([whole.audio_key, *segment]),
    )


def _hint(path: Path) -> str:
    """What may be wrong with the name of a file that is not there."""
    if "\\" in path.name:
        return "; folders are separated by /"
    folder = next((parent for parent in path.parents if parent.is_dir()), path)
    name = path.relative_to(folder).parts[0] if folder != path else path.name
    try:
        near = _spellings(folder, folder.stat().st_mtime_ns).get(_folded(name), name)
    except OSError:  # a folder that cannot be listed gives no hint
        return ""
    if near == name:
        return ""
    same = unicodedata.normalize("NFC", near) == unicodedata.normalize("NFC", name)
    kind = "in its Unicode form (NFC or NFD)" if same else "in letter case"
    return f"; found {near!r}, which differs from {name!r} {kind}: spell both alike"


@lru_cache(maxsize=8)
def _spellings(folder: Path, changed_ns: int) -> dict[str, str]:
    """Name without regard to case and Unicode form -> name, of all that a folder holds.

    Kept for the next file that is missing from the folder, until the folder changes.
    """
    return {_folded(entry.name): entry.name for entry in folder.iterdir()}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _all(segments: Sequence[Segment], rejection: Rejection) -> list[Recording | Rejection]:
    return [rejection] * len(segments)

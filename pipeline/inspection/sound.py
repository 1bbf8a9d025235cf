"""What a recording sounds like, as far as a program can tell: level, clipping, offset, silence.

Kept by the audio's key in a file of the machine, so that a second look reads nothing.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features.audio import AudioError, read_audio
from features.fourier import Signal
from pipeline.files import appearing
from pipeline.inspection import fingerprint
from pipeline.keys import digest

VERSION = 1  # of what `listen` finds: raise it when that changes
FRAME_S = 0.02
SILENT_DB = -60.0
CLIP_RUN = 3  # samples at the greatest magnitude in a row
CLIP_LEAST = 0.5  # of full scale: a flat top of a quieter recording is its waveform

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sound:
    """One utterance's audio."""

    audio_key: str
    content: str  # digest of the samples as 16 bit: the same in WAV and FLAC
    clipped: float  # share of samples in runs at the greatest magnitude
    offset: float  # mean of the samples, 1 = full scale
    silent: float  # share of frames of 20 ms below -60 dB
    prints: bytes  # the fingerprint, little-endian


@dataclass(frozen=True)
class Place:
    """Where the audio of an utterance is."""

    audio_key: str
    file: Path
    start_s: float | None
    end_s: float | None
    sample_rate_hz: int


SCHEMA = pa.schema(
    [
        (f.name, {str: pa.string(), float: pa.float64(), bytes: pa.binary()}[f.type])  # type: ignore[index]
        for f in fields(Sound)
    ]
)


def sounds(places: Sequence[Place], kept: Path, spread: Spread) -> dict[str, Sound]:
    """The sound of each different audio, by key; what `kept` holds of them is not read again.

    What cannot be read any more is left out, with a line in the log.
    """
    known = _recalled(kept)
    new = {place.audio_key: place for place in places if place.audio_key not in known}
    for found in spread(listen_or_tell, list(new.values())):
        if isinstance(found, Sound):
            known[found.audio_key] = found
        else:
            log.warning("%s", found)
    wanted = {place.audio_key for place in places}
    known = {key: sound for key, sound in sorted(known.items()) if key in wanted}
    if new:
        _remember(known.values(), kept)
    return known


def listen_or_tell(place: Place) -> Sound | str:
    """`listen`, or what is wrong with the file: an error would not tell the others."""
    try:
        return listen(place)
    except AudioError as error:
        return str(error)


def listen(place: Place) -> Sound:
    """Decode one utterance at its own rate and look at the samples.

    Raises:
        AudioError: it cannot be read.
    """
    x = read_audio(place.file, place.sample_rate_hz, start_s=place.start_s, end_s=place.end_s)
    steps = np.clip(np.rint(x * 32768), -32768, 32767).astype("<i2")
    return Sound(
        audio_key=place.audio_key,
        content=digest(str(place.sample_rate_hz).encode(), steps.tobytes()),
        clipped=clipped_share(x),
        offset=float(x.mean(dtype=np.float64)),
        silent=silent_share(x, place.sample_rate_hz),
        prints=fingerprint.frames(x, place.sample_rate_hz).astype("<u4").tobytes(),
    )


def clipped_share(x: Signal) -> float:
    """Share of samples that stand in a run at the signal's greatest magnitude.

    >>> clipped_share(np.array([0.1, 0.9, 0.9, 0.9, 0.2], np.float32))
    0.6
    """
    peak = float(np.abs(x).max(initial=0))
    if peak < CLIP_LEAST:
        return 0.0
    flat = peak * (1 - 2**-14)
    return (_in_runs(x >= flat) + _in_runs(x <= -flat)) / len(x)


def _in_runs(here: npt.NDArray[np.bool_]) -> int:
    """How many of the true values stand in a run."""
    turns = np.flatnonzero(np.diff(np.r_[False, here, False].astype(np.int8)))
    runs = turns[1::2] - turns[::2]
    return int(runs[runs >= CLIP_RUN].sum())


def silent_share(x: Signal, rate_hz: int) -> float:
    """Share of frames whose power is below `SILENT_DB`."""
    length = max(1, round(FRAME_S * rate_hz))
    frames = (
        np.resize(x, (-(-len(x) // length), length))
        if len(x) < length
        else (x[: len(x) // length * length].reshape(-1, length))
    )
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    return float((power < 10 ** (SILENT_DB / 10)).mean())


def _recalled(path: Path) -> dict[str, Sound]:
    if not path.exists():
        return {}
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        log.warning("%s: cannot be read (%s), so every recording is read again", path, error)
        return {}
    if (table.schema.metadata or {}).get(b"version") != str(VERSION).encode():
        return {}
    return {row["audio_key"]: Sound(**row) for row in table.to_pylist()}


def _remember(sounds: Iterable[Sound], path: Path) -> None:
    schema = SCHEMA.with_metadata({b"version": str(VERSION).encode()})
    with appearing(path) as temporary:
        pq.write_table(pa.Table.from_pylist([vars(s) for s in sounds], schema), temporary)

"""Audio in and out: recordings to mono float32 at one sample rate, views to FLAC bytes and back."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from features import snr, soundtrack
from features.fourier import Signal

FULL_SCALE = 32768  # of 16-bit samples
BLOCK = 1 << 16  # frames that `probe` holds at a time
# A segment list is often rounded to hundredths, and an MP3 header counts whole frames.
END_TOLERANCE_S = 0.05  # by which a segment, or what a header promises, may pass the end


class AudioError(ValueError):
    """A recording that cannot be used: which one, what was found and expected, what to do."""


@dataclass(frozen=True)
class AudioParams:
    sample_rate_hz: int  # of every feature; recordings of other rates are resampled

    def __post_init__(self) -> None:
        if self.sample_rate_hz <= 0:
            raise ValueError(f"audio: sample_rate_hz is {self.sample_rate_hz}, expected above 0")


@dataclass(frozen=True)
class AudioFacts:
    """What decoding a recording shows; no judgement."""

    duration_s: float  # of the samples that were decoded, whatever the header says
    sample_rate_hz: int
    channels: int
    peak: float  # greatest finite |sample| of the mono mix, 1 = full scale; 0 for an empty file
    power: float  # mean of the squares of its finite samples; 0 for an empty file
    snr_db: float | None  # estimated by WADA from the finite samples; None for silence
    has_nan: bool  # some sample is NaN or infinite


def read_audio(
    source: Path | BinaryIO,
    sample_rate_hz: int,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
) -> Signal:
    """A recording, or the part of it from start_s to end_s, as mono at `sample_rate_hz`.

    Channels are averaged; soxr (HQ, the quality librosa uses) resamples. AudioError when nothing
    can be decoded, when the file breaks off before the end that its header or the part promises,
    when the part is empty or beyond the end, and when a sample is not finite.

    Shape: -> (T,), T = round(seconds * sample_rate_hz) within one sample, T >= 1
    """
    import soxr

    with _opened(source) as sound:
        native_hz = sound.samplerate
        start, stop = _part(source, sound, start_s, end_s)
        if start:
            sound.seek(start)
        x = _mono(_samples(sound, stop - start))
        _check_whole(source, sound, start + x.size, stop)
    if native_hz != sample_rate_hz and x.size:
        x = soxr.resample(x, native_hz, sample_rate_hz, quality="HQ")
    if x.size == 0:
        raise _error(
            source, "no samples", "at least one sample", "Replace the recording or leave it out."
        )
    if not np.isfinite(x).all():
        raise _error(
            source,
            "samples that are NaN or infinite",
            "finite samples",
            "Export the recording again.",
        )
    return x


def probe(source: Path | BinaryIO) -> AudioFacts:
    """Decode the whole recording, block by block.

    AudioError when it is no readable audio, or breaks off before the end its header promises.
    """
    frames, peak, energy, has_nan = 0, 0.0, 0.0, False
    tallied = snr.tallies(np.zeros(0, np.float32))
    with _opened(source) as sound:
        # Not `sound.blocks`: it goes on to the header's length, over memory that nothing was read
        # into.
        while len(block := sound.read(BLOCK, dtype="float32", always_2d=True)):
            x = np.abs(_mono(block))
            finite = np.isfinite(x)
            frames += x.size
            peak = max(peak, float(x.max(initial=0.0, where=finite)))
            energy += float(np.square(x, dtype=np.float64).sum(where=finite))
            has_nan = has_nan or not finite.all()
            tallied += snr.tallies(x if finite.all() else x[finite])
        _check_whole(source, sound, frames, sound.frames)
        rate, channels = int(sound.samplerate), int(sound.channels)
    power, snr_db = energy / max(frames, 1), snr.wada_snr_db(tallied)
    return AudioFacts(frames / rate, rate, channels, peak, power, snr_db, has_nan)


def encode_flac(x: Signal, sample_rate_hz: int) -> bytes:
    """A mono signal as 16-bit FLAC.

    Rounding is to the nearest of 65536 steps, an error of at most 2^-16 within [-1, 1); louder
    samples are clipped, they do not wrap. Level 0: on speech the highest took 2.2 times as long and
    saved 2.3 % of the bytes. ValueError for an empty signal and for samples that are not finite.

    Shape: (T,) -> bytes
    """
    import soundfile

    if x.ndim != 1 or x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"FLAC: expected finite samples of shape (T,), T >= 1; found {x.shape}")
    steps = np.clip(np.rint(x * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE - 1)
    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        steps.astype(np.int16),
        sample_rate_hz,
        format="FLAC",
        subtype="PCM_16",
        compression_level=0.0,
    )
    return buffer.getvalue()


def decode_flac(data: bytes) -> tuple[Signal, int]:
    """The signal and sample rate of `encode_flac`'s bytes; AudioError for other bytes.

    Shape: bytes -> (T,), hertz
    """
    with _opened(io.BytesIO(data)) as sound:
        return _mono(_samples(sound, -1)), int(sound.samplerate)


@contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[Any]:
    """soundfile's reader, with its errors told as ours (also those met while reading)."""
    import soundfile

    try:
        with soundfile.SoundFile(_readable(source)) as sound:
            yield sound
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        raise _error(
            source,
            f"cannot be decoded ({error})",
            "audio that libsndfile reads, such as WAV, FLAC, OGG or MP3, or a film with sound",
            "Convert the file, repair it or leave it out.",
        ) from error


def _readable(source: Path | BinaryIO) -> Path | BinaryIO:
    """The source, or the sound track of a container as a WAV file in memory."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            head = file.read(soundtrack.HEAD_BYTES)
    else:
        head = source.read(soundtrack.HEAD_BYTES)
        source.seek(0)
    if not soundtrack.is_container(head):
        return source
    try:
        return soundtrack.decode(source)
    except ValueError as error:
        raise _error(
            source,
            f"has no sound that can be decoded ({error})",
            "a film with sound",
            "Convert it.",
        ) from error


def _part(
    source: Path | BinaryIO, sound: Any, start_s: float | None, end_s: float | None
) -> tuple[int, int]:
    """First frame and the frame after the last."""
    rate, frames = sound.samplerate, sound.frames
    if start_s is None and end_s is None:
        return 0, frames
    duration_s = frames / rate
    first_s = 0.0 if start_s is None else start_s
    last_s = duration_s if end_s is None else end_s
    # Written so that NaN fails, before anything is rounded.
    if 0 <= first_s < duration_s and first_s < last_s <= duration_s + END_TOLERANCE_S:
        start, stop = round(first_s * rate), min(round(last_s * rate), frames)
        if start < stop:
            return start, stop
    raise _error(
        source,
        f"segment from {first_s} s to {last_s} s",
        f"0 <= start < end <= {duration_s:.3f} s, the length of the recording, "
        "and at least one sample between them",
        "Correct the segment's times.",
    )


def _check_whole(source: Path | BinaryIO, sound: Any, decoded: int, promised: int) -> None:
    rate = sound.samplerate
    if promised - decoded > END_TOLERANCE_S * rate:
        raise _error(
            source,
            f"cannot be decoded beyond {decoded / rate:.3f} s",
            f"{promised / rate:.3f} s",
            "The file is cut off or damaged: fetch it again, convert it or leave it out.",
        )


def _samples(sound: Any, frames: int) -> Signal:
    """Shape: -> (frames, channels); all that is left if `frames` is negative"""
    if sound.subtype != "PCM_16":
        return sound.read(frames, dtype="float32", always_2d=True)  # type: ignore[no-any-return]
    # libsndfile's own conversion gives the same numbers in three times the time.
    steps: NDArray[np.int16] = sound.read(frames, dtype="int16", always_2d=True)
    return steps * np.float32(1 / FULL_SCALE)


def _mono(samples: Signal) -> Signal:
    """Shape: (T, channels) -> (T,)"""
    return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)


def _error(source: Path | BinaryIO, found: str, expected: str, remedy: str) -> AudioError:
    # The error itself holds one string, so that it survives the way back from a worker process.
    name = source if isinstance(source, Path) else getattr(source, "name", "audio bytes")
    return AudioError(f"{name}: {found}; expected {expected}. {remedy}")

"""A copy is found whatever was done to it, and two recordings of one text are no copies."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from features.audio import read_audio
from features.fourier import Signal
from pipeline.inspection.fingerprint import BITS, frames, matches

RATE_HZ = 16000


def speech_like(number: int, seconds: float = 3.0) -> Signal:
    """Noise through bands that come and go: no two alike."""
    random = np.random.default_rng(number)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    x = 0.001 * random.standard_normal(len(t))
    for hz in np.geomspace(250, 2500, 40):
        steps = np.repeat(random.random(round(seconds * 10) + 1), RATE_HZ // 10)[: len(t)]
        x += steps * np.sin(2 * np.pi * (hz + 30 * random.random()) * t)
    return (0.5 * x / np.abs(x).max()).astype(np.float32)


def mp3(x: Signal) -> Signal:
    buffer = io.BytesIO()
    soundfile.write(buffer, x, RATE_HZ, format="MP3")
    buffer.seek(0)
    found: Signal = soundfile.read(buffer, dtype="float32")[0]
    return found


def noisy(x: Signal) -> Signal:
    noise = np.random.default_rng(7).standard_normal(len(x))
    return (x + noise * x.std() / 10).astype(np.float32)  # 20 dB


CHANGES: dict[str, Callable[[Signal], Signal]] = {
    "quieter": lambda x: 0.1 * x,
    "upside down": lambda x: -x,
    "coded": mp3,
    "noisy": noisy,
    "cut": lambda x: x[4321:-2345],
    "later": lambda x: np.r_[np.zeros(6000, np.float32), x],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_others(change: str) -> None:
    prints = [frames(speech_like(n), RATE_HZ) for n in range(6)]
    prints.append(frames(CHANGES[change](speech_like(3)), RATE_HZ))
    [match] = matches(prints)
    assert (match.one, match.other) == (3, 6)
    assert match.wrong < 0.3


def test_the_same_signal_at_another_rate_has_nearly_the_same_frames() -> None:
    import soxr

    x = speech_like(1)
    one, other = frames(x, RATE_HZ), frames(soxr.resample(x, RATE_HZ, 22050), 22050)
    length = min(len(one), len(other))
    assert np.bitwise_count(one[:length] ^ other[:length]).mean() < 0.1 * BITS


def test_what_is_too_short_has_no_frames_and_no_match() -> None:
    assert len(frames(np.zeros(100, np.float32), RATE_HZ)) == 0
    assert matches([]) == []
    assert matches([frames(speech_like(0, 0.5), RATE_HZ)] * 2) == []


def test_silence_is_like_nothing() -> None:
    assert matches([frames(np.zeros(48000, np.float32), RATE_HZ)] * 60) == []


def test_actors_saying_the_same_sentences_are_not_copies(emodb_dir: Path) -> None:
    files = sorted((emodb_dir / "wav").glob("03*.wav"))  # one actor, all his sentences and takes
    assert matches([frames(read_audio(f, RATE_HZ), RATE_HZ) for f in files]) == []

"""Sound tracks: what was put into a film comes out, and a film without sound says so."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from features.audio import AudioError, probe, read_audio

RATE_HZ = 16000


def film(x: np.ndarray | None, form: str, codec: str) -> bytes:
    """A film of two grey pictures, with this sound if there is any."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        pictures = container.add_stream("mpeg4", rate=Fraction(10))
        pictures.width = pictures.height = 16
        pictures.pix_fmt = "yuv420p"
        sound = container.add_stream(codec, rate=RATE_HZ, layout="mono") if x is not None else None
        for _ in range(2):
            grey = av.VideoFrame.from_ndarray(np.full((24, 16), 128, np.uint8), format="yuv420p")
            container.mux(pictures.encode(grey))
        if sound is not None and x is not None:
            whole = codec.startswith("pcm")
            samples = (x * 32767).astype(np.int16) if whole else x.astype(np.float32)
            kind = "s16" if whole else "fltp"
            frame = av.AudioFrame.from_ndarray(samples[None], format=kind, layout="mono")
            frame.sample_rate = RATE_HZ
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
        container.mux(pictures.encode(None))
    return buffer.getvalue()


def tone(duration_s: float = 0.5) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 220 * np.arange(round(duration_s * RATE_HZ)) / RATE_HZ)


def test_sound_that_a_film_holds_as_it_was_comes_out_as_it_was() -> None:
    x = tone()
    found = read_audio(io.BytesIO(film(x, "avi", "pcm_s16le")), RATE_HZ)
    assert found.size == x.size
    assert np.abs(found - x).max() < 2 / 32768


def test_coded_sound_keeps_pitch_and_loudness(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(film(tone(), "mp4", "aac"))
    facts = probe(path)
    assert facts.sample_rate_hz == RATE_HZ
    assert facts.duration_s == pytest.approx(0.5, abs=0.1)
    x = read_audio(path, RATE_HZ)
    assert np.argmax(np.abs(np.fft.rfft(x))) * RATE_HZ / x.size == pytest.approx(220, abs=4)
    assert np.std(x[2048:6144]) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_a_segment_of_a_film_is_that_part_of_its_sound() -> None:
    data = film(tone(), "avi", "pcm_s16le")
    whole = read_audio(io.BytesIO(data), RATE_HZ)
    part = read_audio(io.BytesIO(data), RATE_HZ, start_s=0.1, end_s=0.3)
    assert np.array_equal(part, whole[1600:4800])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (film(None, "mp4", "aac"), "no sound track"),
        (film(tone(), "mp4", "aac")[:60], "has no sound that can be decoded"),
    ],
)
def test_a_film_without_usable_sound_is_one_error_of_ours(data: bytes, told: str) -> None:
    with pytest.raises(AudioError, match=told):
        probe(io.BytesIO(data))

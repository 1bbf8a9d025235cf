"""Audio in and out: what is read, what is refused, what FLAC keeps."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from features.audio import AudioError, AudioParams, decode_flac, encode_flac, probe, read_audio
from features.snr import tallies, wada_snr_db

RATE_HZ = 16000


def wav(x: np.ndarray, rate_hz: int = RATE_HZ, subtype: str = "FLOAT") -> io.BytesIO:
    buffer = io.BytesIO()
    soundfile.write(buffer, x, rate_hz, format="WAV", subtype=subtype)
    buffer.seek(0)
    return buffer


def tone(hz: float, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(
        np.float32
    )


def test_a_recording_at_the_wanted_rate_comes_back_as_it_is():
    x = tone(440)
    y = read_audio(wav(x), RATE_HZ)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, x)


def test_a_path_reads_like_its_bytes(tmp_path: Path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(tone(440)).getvalue())
    np.testing.assert_array_equal(read_audio(path, 8000), read_audio(wav(tone(440)), 8000))


def test_stereo_becomes_the_mean_of_its_channels():
    stereo = np.stack([tone(440), tone(700)], axis=1)
    np.testing.assert_allclose(
        read_audio(wav(stereo), RATE_HZ), stereo.mean(axis=1, dtype=np.float32), atol=1e-7
    )


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000])
def test_resampling_keeps_a_tone_and_its_duration(rate_hz: int):
    y = read_audio(wav(tone(440, rate_hz=rate_hz), rate_hz), RATE_HZ)
    assert abs(y.size - RATE_HZ) <= 1
    middle = slice(2000, 14000)  # away from the filter's ends
    np.testing.assert_allclose(y[middle], tone(440)[middle], atol=1e-3)


def test_a_segment_is_the_slice_between_its_times():
    x = tone(440)
    part = read_audio(wav(x), RATE_HZ, start_s=0.25, end_s=0.5)
    np.testing.assert_array_equal(part, x[4000:8000])
    np.testing.assert_array_equal(read_audio(wav(x), RATE_HZ, start_s=0.25), x[4000:])


def test_a_segment_may_end_a_rounding_error_late():
    assert read_audio(wav(tone(440)), RATE_HZ, end_s=1.01).size == RATE_HZ


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [
        (0.5, 0.2),
        (0.5, 0.5),
        (0.50001, 0.50002),  # less than a sample
        (-0.1, 0.5),
        (0.0, 1.5),
        (1.0, 1.04),  # the end may come late, the start not
        (1.02, 1.04),
        (2.0, None),
        (np.nan, 0.5),
        (0.5, np.nan),
        (-np.inf, None),
        (0.0, np.inf),
    ],
)
def test_a_segment_outside_the_recording_is_refused(start_s: float, end_s: float | None):
    with pytest.raises(AudioError, match=r"segment .* expected 0 <= start < end <= 1\.000 s"):
        read_audio(wav(tone(440)), RATE_HZ, start_s=start_s, end_s=end_s)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"this is no audio" * 100])
def test_bytes_that_are_no_audio_are_refused_with_their_name(tmp_path: Path, content: bytes):
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    for refuse in (lambda: read_audio(path, RATE_HZ), lambda: probe(path)):
        with pytest.raises(AudioError, match=r"broken\.wav: cannot be decoded .* expected .*"):
            refuse()


def mp3(seconds: float = 6.0) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(440, seconds), RATE_HZ, format="MP3")
    return buffer.getvalue()


def cut_in_half(data: bytes) -> io.BytesIO:
    """Its header still promises the whole."""
    return io.BytesIO(data[: len(data) // 2])


def test_a_whole_mp3_is_read_to_its_end():
    assert read_audio(io.BytesIO(mp3()), RATE_HZ).size == 6 * RATE_HZ
    assert probe(io.BytesIO(mp3())).duration_s == 6


def test_a_file_cut_off_is_refused_with_the_place_where_it_ends():
    for refuse in (lambda file: read_audio(file, RATE_HZ), probe):
        with pytest.raises(
            AudioError, match=r"cannot be decoded beyond 2\.\d+ s; expected 6\.000 s\. The file is"
        ):
            refuse(cut_in_half(mp3()))


def test_what_probe_measures_was_decoded_and_is_no_memory_left_over(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("features.audio.END_TOLERANCE_S", np.inf)  # so that it is not refused
    facts = probe(cut_in_half(mp3()))
    assert 2 < facts.duration_s < 3
    assert facts.peak == pytest.approx(0.5, rel=0.1)
    assert not facts.has_nan


def test_a_segment_is_read_before_the_cut_and_refused_beyond_it():
    part = read_audio(cut_in_half(mp3()), RATE_HZ, start_s=0.5, end_s=1.5)
    np.testing.assert_array_equal(
        part, read_audio(io.BytesIO(mp3()), RATE_HZ, start_s=0.5, end_s=1.5)
    )
    for start_s, end_s in ((1.5, 4.0), (4.0, 5.0), (4.0, None)):
        with pytest.raises(AudioError, match=r"cannot be decoded"):
            read_audio(cut_in_half(mp3()), RATE_HZ, start_s=start_s, end_s=end_s)


def test_a_flac_cut_off_is_refused_too():
    data = encode_flac(0.1 * np.random.default_rng(0).uniform(-1, 1, 99999).astype("f4"), RATE_HZ)
    for refuse in (lambda file: read_audio(file, RATE_HZ), probe):
        with pytest.raises(AudioError, match="cannot be decoded"):
            refuse(cut_in_half(data))


def test_a_file_that_is_absent_or_headerless_is_refused(tmp_path: Path):
    raw = tmp_path / "a.raw"
    raw.write_bytes(bytes(100))
    for path in (tmp_path / "absent.wav", raw):
        with pytest.raises(AudioError, match="cannot be decoded"):
            read_audio(path, RATE_HZ)


def test_a_recording_without_samples_is_refused_but_can_be_probed():
    with pytest.raises(AudioError, match="no samples"):
        read_audio(wav(np.zeros(0)), RATE_HZ)
    facts = probe(wav(np.zeros(0)))
    assert (facts.duration_s, facts.peak, facts.has_nan) == (0.0, 0.0, False)
    assert facts.snr_db is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused_but_can_be_probed(bad: float):
    x = tone(440)
    x[1000] = bad
    with pytest.raises(AudioError, match="NaN or infinite"):
        read_audio(wav(x), RATE_HZ)
    facts = probe(wav(x))
    assert facts.has_nan
    assert facts.peak == pytest.approx(0.5, rel=1e-3)
    assert facts.power == pytest.approx(0.5**2 / 2, rel=1e-3)  # of a sine


def test_an_audio_error_survives_the_way_back_from_a_worker():
    with pytest.raises(AudioError) as caught:
        read_audio(Path("absent.wav"), RATE_HZ)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_probe_tells_the_facts_of_the_file_itself():
    stereo = np.stack([tone(440, 2.5, 44100), 0.4 * tone(440, 2.5, 44100)], axis=1)
    facts = probe(wav(stereo, 44100))  # longer than one block
    assert (facts.duration_s, facts.sample_rate_hz, facts.channels) == (2.5, 44100, 2)
    assert facts.peak == pytest.approx(0.35, rel=1e-3)  # of the mono mix
    assert not facts.has_nan
    whole = read_audio(wav(stereo, 44100), 44100)
    assert facts.snr_db == pytest.approx(wada_snr_db(tallies(whole)), abs=1e-6)


def test_channels_that_cancel_out_are_silent():
    assert probe(wav(np.stack([tone(440), -tone(440)], axis=1))).peak == 0


def test_sixteen_bit_samples_survive_flac_exactly():
    x = np.arange(-32768, 32768, dtype=np.int32).astype(np.float32) / 32768
    y, rate_hz = decode_flac(encode_flac(x, RATE_HZ))
    assert rate_hz == RATE_HZ
    np.testing.assert_array_equal(y, x)


def test_flac_rounds_to_the_nearest_step():
    x = 0.9 * np.random.default_rng(0).uniform(-1, 1, 20000).astype(np.float32)
    assert np.abs(decode_flac(encode_flac(x, RATE_HZ))[0] - x).max() <= 2**-16


def test_a_signal_above_full_scale_is_clipped_and_does_not_wrap():
    y, _ = decode_flac(encode_flac(4 * tone(440), RATE_HZ))
    np.testing.assert_allclose(y, np.clip(4 * tone(440), -1, 1), atol=2**-15)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=50))
def test_flac_of_anything_short_decodes_and_encodes_to_the_same_bytes(samples: list[float]):
    data = encode_flac(np.array(samples, np.float32), RATE_HZ)
    y, rate_hz = decode_flac(data)
    assert y.shape == (len(samples),)
    assert encode_flac(y, rate_hz) == data


@pytest.mark.parametrize("x", [[], [np.nan], [np.inf], [[0.0, 0.1]]])
def test_flac_refuses_what_is_no_mono_signal(x: list[float]):
    with pytest.raises(ValueError, match="FLAC: expected finite samples"):
        encode_flac(np.array(x, np.float32), RATE_HZ)


def test_other_bytes_are_no_flac():
    with pytest.raises(AudioError, match="audio bytes: cannot be decoded"):
        decode_flac(b"not FLAC")


def test_the_sample_rate_must_be_above_zero():
    with pytest.raises(ValueError, match="sample_rate_hz is 0"):
        AudioParams(0)


def test_real_speech_reads_and_survives_flac(emodb_dir: Path):
    path = sorted((emodb_dir / "wav").glob("*.wav"))[0]
    x = read_audio(path, RATE_HZ)
    assert probe(path).duration_s == x.size / RATE_HZ
    np.testing.assert_array_equal(decode_flac(encode_flac(x, RATE_HZ))[0], x)

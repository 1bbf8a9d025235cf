"""The phase vocoder against librosa run in float64."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from features.vocoder import analyse, shift, stretch

RATE_HZ = 16000
RATES = [0.5, 0.9, 0.987, 1.0, 1.1, 1.83]
SEMITONES = [-7.0, -2.0, -0.3, 0.0, 0.7, 2.0]


def speech_like(seconds: float, *, noise: float = 1e-3) -> np.ndarray:
    """Harmonics of a gliding voice in syllables, with a little noise, as any recording has."""
    rng = np.random.default_rng(0)
    t = np.arange(round(RATE_HZ * seconds)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(140 * (1 + 0.25 * np.sin(5 * t))) / RATE_HZ
    voice = sum(np.sin(k * phase) / k for k in range(1, 30))
    x = 0.2 * voice * np.clip(np.sin(11 * t), 0, 1) + noise * rng.standard_normal(t.size)
    return x.astype(np.float32)


def relative_rms(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2)))


def errors(x: np.ndarray) -> list[float]:
    spectrum, exact = analyse(x), x.astype(np.float64)
    stretched = [
        relative_rms(stretch(spectrum, rate), librosa.effects.time_stretch(exact, rate=rate))
        for rate in RATES
    ]
    shifted = [
        relative_rms(
            shift(spectrum, RATE_HZ, semitones),
            librosa.effects.pitch_shift(exact, sr=RATE_HZ, n_steps=semitones),
        )
        for semitones in SEMITONES
    ]
    return stretched + shifted


# Without noise there is digital silence between syllables, where librosa takes the phase of a few
# zeros for pi, by their sign.
@pytest.mark.parametrize(("noise", "bound"), [(1e-3, 1e-5), (0.0, 1e-4)])
@pytest.mark.parametrize("seconds", [0.7, 2.0, 30.0])
def test_stretch_and_shift_agree_with_librosa_in_float64(
    seconds: float, noise: float, bound: float
):
    assert max(errors(speech_like(seconds, noise=noise))) < bound


def test_a_chirp_agrees_although_most_of_its_bins_are_nearly_empty():
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    assert max(errors((0.5 * np.sin(2 * np.pi * (100 + 1500 * t) * t)).astype(np.float32))) < 1e-5


@pytest.mark.parametrize("samples", [1, 2, 160, 511, 512, 513, 2047, 2048, 2049])
@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
def test_signals_shorter_than_a_frame_agree_with_librosa_too(samples: int):
    x = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    exact, spectrum = x.astype(np.float64), analyse(x)
    for rate in (0.9, 1.1):
        wanted = librosa.effects.time_stretch(exact, rate=rate)
        np.testing.assert_allclose(stretch(spectrum, rate), wanted, atol=1e-5)
    for semitones in (-2.0, 2.0):
        wanted = librosa.effects.pitch_shift(exact, sr=RATE_HZ, n_steps=semitones)
        np.testing.assert_allclose(shift(spectrum, RATE_HZ, semitones), wanted, atol=1e-5)


def test_real_speech_agrees_with_librosa_in_float64(emodb_dir: Path):
    for path in sorted((emodb_dir / "wav").glob("*.wav"))[::70]:
        x, _ = soundfile.read(path, dtype="float32")
        assert max(errors(x)) < 1e-5, path.name


def test_digital_silence_within_speech_agrees_with_librosa():
    x = speech_like(1.5)
    x[8000:14000] = 0
    assert max(errors(x)) < 1e-4


def test_stretching_at_rate_one_gives_the_signal_back():
    x = speech_like(1.0)
    np.testing.assert_allclose(stretch(analyse(x), 1.0), x, atol=1e-6)


def test_stretching_keeps_the_pitch_and_shifting_moves_it():
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    spectrum = analyse(np.sin(2 * np.pi * 500 * t).astype(np.float32))
    assert loudest_hz(stretch(spectrum, 1.25)) == pytest.approx(500, abs=2)
    assert loudest_hz(shift(spectrum, RATE_HZ, 12)) == pytest.approx(1000, abs=2)
    assert loudest_hz(shift(spectrum, RATE_HZ, -12)) == pytest.approx(250, abs=2)


def loudest_hz(x: np.ndarray) -> float:
    return float(np.abs(np.fft.rfft(x * np.hanning(x.size))).argmax() * RATE_HZ / x.size)


@pytest.mark.parametrize("x", [np.zeros(0, np.float32), np.zeros((2, 100), np.float32)])
def test_what_is_no_mono_signal_is_refused(x: np.ndarray):
    with pytest.raises(ValueError, match="expected a mono signal"):
        analyse(x)


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf, 1e6])
def test_a_rate_that_leaves_nothing_is_refused(rate: float):
    with pytest.raises(ValueError, match="expected a positive rate"):
        stretch(analyse(np.ones(100, np.float32)), rate)

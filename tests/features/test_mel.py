"""Log-mel: torchaudio's numbers, the physics of decibels, and float16's rounding."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.transforms import MelSpectrogram

from features.mel import MelParams, log_mel

RATE_HZ = 16000
PARAMS = MelParams(512, 25.0, 10.0, 80, 0.0, 8000.0, 1e-6)
WIDE = MelParams(1024, 50.0, 12.5, 64, 50.0, 7600.0, 1e-5)
HALF = 2**-11  # float16 keeps 11 bits: the greatest relative error of rounding


def noise(samples: int, gain: float = 0.1, seed: int = 0) -> np.ndarray:
    return (gain * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def reference(x: np.ndarray, params: MelParams, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Shape: (T,) -> (frames, n_mels), by torchaudio in float32"""
    mel = MelSpectrogram(
        rate_hz,
        n_fft=params.n_fft,
        win_length=round(rate_hz * params.window_ms / 1000),
        hop_length=round(rate_hz * params.hop_ms / 1000),
        f_min=params.f_min_hz,
        f_max=params.f_max_hz,
        n_mels=params.n_mels,
    )
    return mel(torch.from_numpy(x)).clamp_min(params.floor).log().numpy().T


def assert_within_rounding(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float16 and found.shape == expected.shape
    error = np.abs(found.astype(np.float64) - expected) / np.maximum(1, np.abs(expected))
    assert error.max() < HALF + 1e-4  # well below 1e-3


@pytest.mark.parametrize("params", [PARAMS, WIDE])
@pytest.mark.parametrize("gain", [1e-4, 0.1, 1.0])
def test_log_mel_is_torchaudios_rounded_to_float16(params: MelParams, gain: float):
    x = noise(33333, gain)
    assert_within_rounding(log_mel(x, RATE_HZ, params), reference(x, params))


def test_log_mel_at_another_rate_is_torchaudios():
    params = dataclasses.replace(PARAMS, n_mels=40, f_max_hz=4000.0)
    assert_within_rounding(log_mel(noise(9000), 8000, params), reference(noise(9000), params, 8000))


def test_real_speech_is_torchaudios_rounded_to_float16(emodb_dir: Path):
    for path in sorted((emodb_dir / "wav").glob("*.wav"))[::10]:
        x, rate_hz = soundfile.read(path, dtype="float32")
        assert_within_rounding(log_mel(x, rate_hz, PARAMS), reference(x, PARAMS))


def test_ten_decibels_louder_shifts_log_mel_by_ln_10():
    quiet = log_mel(noise(16000, 0.05), RATE_HZ, PARAMS).astype(np.float64)
    loud = log_mel(noise(16000, 0.05) * np.float32(10**0.5), RATE_HZ, PARAMS).astype(np.float64)
    assert quiet.min() > math.log(PARAMS.floor)
    rounding = HALF * (np.abs(quiet) + np.abs(loud)) + 1e-4
    assert (np.abs(loud - quiet - math.log(10)) <= rounding).all()


@settings(deadline=None, max_examples=40)
@given(samples=st.integers(1, 5000), hop_ms=st.sampled_from([5.0, 10.0, 12.5]))
def test_the_number_of_frames_is_one_plus_the_hops_that_fit(samples: int, hop_ms: float):
    params = dataclasses.replace(PARAMS, hop_ms=hop_ms)
    frames = log_mel(noise(samples), RATE_HZ, params)
    assert frames.shape == (1 + samples // round(16 * hop_ms), 80)
    assert np.isfinite(frames).all()


def test_silence_is_the_log_of_the_floor():
    frames = log_mel(np.zeros(1600, np.float32), RATE_HZ, PARAMS)
    assert (frames == np.float16(math.log(1e-6))).all()


def test_a_tone_is_loudest_in_the_filter_around_it():
    hz = 1000.0
    x = np.sin(2 * np.pi * hz * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    mel_of = lambda f: 2595 * math.log10(1 + f / 700)  # noqa: E731
    expected = mel_of(hz) / mel_of(8000) * 81 - 1  # filters are equally wide on the mel scale
    assert abs(log_mel(x, RATE_HZ, PARAMS)[50].argmax() - expected) <= 1


def test_log_mel_does_not_depend_on_the_number_of_threads():
    x, before = noise(60000), torch.get_num_threads()
    found = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        found.append(log_mel(x, RATE_HZ, PARAMS))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_the_same_signal_gives_the_same_bytes_wherever_it_lies_in_memory():
    x = noise(30001)
    first = log_mel(x, RATE_HZ, PARAMS).tobytes()
    for offset in range(1, 6):
        moved = np.concatenate([np.zeros(offset, np.float32), x])[offset:]
        assert log_mel(moved, RATE_HZ, PARAMS).tobytes() == first


def test_samples_whose_power_overflows_are_refused_and_loud_ones_are_not():
    x = noise(1000, gain=1.0)
    assert np.isfinite(log_mel(np.float32(1e15) * x, RATE_HZ, PARAMS)).all()
    for gain in (1e20, 1e30):
        with pytest.raises(
            ValueError, match=r"mel: found samples as large as .*e\+\d\d, whose power"
        ):
            log_mel(np.float32(gain) * x, RATE_HZ, PARAMS)


def test_the_least_floor_still_has_a_finite_logarithm():
    params = dataclasses.replace(PARAMS, floor=float(np.finfo(np.float32).tiny))
    frames = log_mel(np.zeros(1600, np.float32), RATE_HZ, params)
    assert (frames == np.float16(math.log(params.floor))).all()


@pytest.mark.parametrize("x", [[], [np.nan], [np.inf, 0.0], [[0.0, 0.1]]])
def test_what_is_no_finite_mono_signal_is_refused(x: list[float]):
    with pytest.raises(ValueError, match="mel: expected finite samples"):
        log_mel(np.array(x, np.float32), RATE_HZ, PARAMS)


@pytest.mark.parametrize(
    "change",
    [
        {"n_fft": 0},
        {"floor": 0.0},
        {"floor": 1e-39},  # subnormal in float32
        {"floor": math.nan},
        {"floor": math.inf},
        {"hop_ms": -1.0},
        {"f_min_hz": 9000.0},
        {"f_max_hz": 8001.0},  # above half the sample rate
        {"window_ms": 40.0},  # more than n_fft
        {"hop_ms": 0.01},  # less than a sample
        {"n_mels": 300},  # filters without a frequency
    ],
)
@pytest.mark.filterwarnings("ignore:At least one mel filterbank has all zero")
def test_parameters_that_make_no_spectrogram_are_refused(change: dict[str, float]):
    with pytest.raises(ValueError, match=r"mel: .*(expected|lower n_mels)"):
        log_mel(noise(1000), RATE_HZ, dataclasses.replace(PARAMS, **change))

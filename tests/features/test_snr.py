"""Laws of the estimated signal-to-noise ratio, on noise of a known level."""

from pathlib import Path

import numpy as np
import pytest
from scipy import special

from features import audio, snr

SHAPE = 0.4  # of the gamma distribution of speech
DRAW = np.random.default_rng(0)


def speech_like(samples: int = 160_000) -> np.ndarray:
    """What WADA takes clean speech to be, with a power of 0.01."""
    x = DRAW.gamma(SHAPE, 1, samples) * DRAW.choice([-1, 1], samples)
    return (0.1 * x / np.sqrt(np.mean(x**2))).astype(np.float32)


def noisy(x: np.ndarray, db: float) -> np.ndarray:
    noise = DRAW.standard_normal(len(x)) * np.sqrt(np.mean(np.square(x, dtype=float)))
    return (x + noise * 10 ** (-db / 20)).astype(np.float32)


def estimate(x: np.ndarray) -> float:
    found = snr.wada_snr_db(snr.tallies(x))
    assert found is not None
    return found


def test_the_table_is_the_integral_that_it_is_said_to_be() -> None:
    """Given x, |x + n| is folded normal, and d/dx E ln|x + n| is Dawson's integral."""
    at = np.linspace(0, 20, 20_001)
    slope = np.sqrt(2) * special.dawsn(at / np.sqrt(2))
    noise_alone = (np.log(2) + special.digamma(0.5)) / 2
    rise = np.r_[0, np.cumsum((slope[1:] + slope[:-1]) / 2 * np.diff(at))]
    u, weight = np.polynomial.legendre.leggauss(400)
    top = 60**SHAPE  # of u = g^SHAPE, in which the density has no pole
    g = ((u + 1) / 2 * top) ** (1 / SHAPE)
    share = weight * top / 2 * np.exp(-g) / SHAPE / special.gamma(SHAPE)
    for number, expected in enumerate(snr.TABLE):
        db = snr.LOWEST_DB + snr.STEP_DB * number
        x = np.sqrt(10 ** (db / 10) / (SHAPE * (SHAPE + 1))) * g  # in deviations of the noise
        size = np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2) + x * special.erf(x / np.sqrt(2))
        far = np.log(np.maximum(x, 1)) - 0.5 / np.maximum(x, 1) ** 2
        log = np.where(x > 20, far, noise_alone + np.interp(x, at, rise))
        assert np.log(share @ size) - share @ log == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("db", [-5, 0, 5, 10, 20, 30])
def test_gaussian_noise_under_gamma_speech_is_found_again(db: float) -> None:
    assert estimate(noisy(speech_like(), db)) == pytest.approx(db, abs=1)


def test_a_louder_recording_is_no_cleaner() -> None:
    x = noisy(speech_like(), 15)
    assert estimate(4 * x) == pytest.approx(estimate(x), abs=0.05)


def test_digital_silence_counts_for_nothing() -> None:
    x = noisy(speech_like(32_000), 10)
    padded = np.concatenate([np.zeros(8000, np.float32), x, np.zeros(8000, np.float32)])
    assert estimate(padded) == estimate(x)
    assert snr.wada_snr_db(snr.tallies(np.zeros(1600, np.float32))) is None


def test_stretches_add_up_to_the_whole() -> None:
    x = speech_like(3000)
    parts = sum(snr.tallies(part) for part in (x[:1600], x[1600:]))
    assert np.allclose(parts, snr.tallies(x), rtol=1e-12)


def test_speech_in_more_noise_is_told_to_be_noisier(emodb_dir: Path) -> None:
    recordings = [audio.read_audio(p, 16000) for p in sorted(emodb_dir.rglob("*.wav"))[:60:6]]
    found = {
        db: float(np.median([estimate(noisy(x, db)) for x in recordings])) for db in (20, 10, 0)
    }
    assert found == {db: pytest.approx(db, abs=4) for db in found}
    assert np.median([estimate(x) for x in recordings]) > found[20]

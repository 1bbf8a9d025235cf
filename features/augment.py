"""Augmented views of an utterance: noise, pitch and stretch.

A view is drawn first and applied second. The recipe depends on nothing but the utterance's id and
the parameters, so it is the same on any machine and in any order; the table of views keeps it. The
samples it leads to can differ in their last bit between families of processors, whose mathematical
functions and Fourier transforms round differently.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features import vocoder
from features.fourier import Signal

LOUDEST = np.float32(32767 / 32768)  # the greatest sample of 16-bit FLAC


@dataclass(frozen=True)
class NoiseParams:
    snr_db: float  # power of the speech above that of the noise

    def __post_init__(self) -> None:
        if not math.isfinite(self.snr_db):
            raise ValueError(f"noise: snr_db is {self.snr_db}, expected a finite number of dB")


@dataclass(frozen=True)
class PitchParams:
    semitones: float  # the shift is drawn from -semitones to +semitones

    def __post_init__(self) -> None:
        if not 0 < self.semitones <= 24:
            raise ValueError(f"pitch: semitones is {self.semitones}, expected 0 < semitones <= 24")


@dataclass(frozen=True)
class StretchParams:
    rate_min: float  # 1 keeps the speed, 2 is twice as fast
    rate_max: float

    def __post_init__(self) -> None:
        if not 0.1 <= self.rate_min <= self.rate_max <= 10:
            raise ValueError(
                f"stretch: rates from {self.rate_min} to {self.rate_max}, "
                "expected 0.1 <= rate_min <= rate_max <= 10"
            )


@dataclass(frozen=True)
class AugmentParams:
    """None switches a view off."""

    noise: NoiseParams | None
    pitch: PitchParams | None
    stretch: StretchParams | None


@dataclass(frozen=True)
class Recipe:
    """All that is needed to make a view again. Numbers survive being stored as float32."""

    view: str  # noise, pitch or stretch
    seed: int  # 0 <= seed < 2**63
    snr_db: float | None
    semitones: float | None
    rate: float | None


def draw_recipes(utt_id: str, params: AugmentParams) -> list[Recipe]:
    """One recipe for each view that is switched on, in the order noise, pitch, stretch.

    >>> params = AugmentParams(NoiseParams(30.0), None, StretchParams(0.9, 1.1))
    >>> [(r.view, r.snr_db, r.rate) for r in draw_recipes("demo/a", params)]
    [('noise', 30.0, None), ('stretch', None, 1.0501353740692139)]
    """
    recipes = []
    if params.noise is not None:
        seed = _seed(utt_id, "noise")
        recipes.append(Recipe("noise", seed, _storable(params.noise.snr_db), None, None))
    if params.pitch is not None:
        seed = _seed(utt_id, "pitch")
        semitones = _between(-params.pitch.semitones, params.pitch.semitones, seed)
        recipes.append(Recipe("pitch", seed, None, semitones, None))
    if params.stretch is not None:
        seed = _seed(utt_id, "stretch")
        rate = _between(params.stretch.rate_min, params.stretch.rate_max, seed)
        recipes.append(Recipe("stretch", seed, None, None, rate))
    return recipes


def apply_recipe(x: Signal, sample_rate_hz: int, recipe: Recipe) -> Signal:
    """The view that a recipe describes; the law is that of `apply_recipes`."""
    return apply_recipes(x, sample_rate_hz, [recipe])[0]


def apply_recipes(x: Signal, sample_rate_hz: int, recipes: Sequence[Recipe]) -> list[Signal]:
    """One view per recipe; pitch and stretch share the signal's STFT.

    A view louder than full scale is scaled to it: all of it is multiplied by LOUDEST / peak, so
    that storing clips nothing; the ratio of speech to noise stays. A signal that is zero throughout
    comes back as it is, whatever the recipe.

    Shape: (T,) -> (T,) for noise and pitch, (round(T / rate),) for stretch; T >= 1, else ValueError
    """
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"augment: expected a mono signal of shape (T,), T >= 1; found {x.shape}")
    if not x.any():
        return [x.copy() for _ in recipes]
    spectrum = vocoder.analyse(x) if any(recipe.view != "noise" for recipe in recipes) else None
    return [_within_full_scale(_apply(x, sample_rate_hz, r, spectrum)) for r in recipes]


def _apply(
    x: Signal, sample_rate_hz: int, recipe: Recipe, spectrum: vocoder.PolarSpectrum | None
) -> Signal:
    match recipe:
        case Recipe(view="noise", snr_db=float(snr_db)):
            return _add_noise(x, snr_db, recipe.seed)
        case Recipe(view="pitch", semitones=float(semitones)) if spectrum:
            return vocoder.shift(spectrum, sample_rate_hz, semitones)
        case Recipe(view="stretch", rate=float(rate)) if spectrum:
            return vocoder.stretch(spectrum, rate)
    raise ValueError(
        f"augment: found {recipe}; expected view noise with snr_db, pitch with semitones, "
        "or stretch with rate"
    )


def _within_full_scale(view: Signal) -> Signal:
    peak = max(view.max(), -view.min())
    return view * (LOUDEST / peak) if peak > LOUDEST else view


def _add_noise(x: Signal, snr_db: float, seed: int) -> Signal:
    """Noise of power mean(x^2) / 10^(snr_db / 10)."""
    power = float(np.square(x).mean(dtype=np.float64))
    return x + np.float32(math.sqrt(power * 10 ** (-snr_db / 10))) * _gaussian(x.size, seed)


def _gaussian(n: int, seed: int) -> Signal:
    """Normal deviates by Box and Muller (1958), from the raw bits of PCG64: those NumPy promises
    to keep for ever, unlike the values of `Generator.standard_normal`. It takes a third of
    the time, too.

    Shape: -> (n,)
    """
    bits = np.random.PCG64(seed).random_raw((n + 1) // 2).astype("<u8", copy=False).view("<u4")
    uniform = (bits >> np.uint32(8)).astype(np.float32).reshape(2, -1) * np.float32(2**-24)
    radius = np.sqrt(np.float32(-2) * np.log(np.float32(1) - uniform[0]))  # 1 - u is never 0
    angle = np.float32(2 * math.pi) * uniform[1]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:n]


def _seed(utt_id: str, view: str) -> int:
    digest = hashlib.blake2b(f"{view}\0{utt_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1  # 63 bits: Parquet has no use for the sign


def _between(low: float, high: float, seed: int) -> float:
    return _storable(low + (high - low) * (seed / 2**63))


def _storable(value: float) -> float:
    return float(np.float32(value))

r"""Time stretch and pitch shift by a phase vocoder: librosa's method without its trigonometry.

librosa (`librosa.phase_vocoder`, after Dolson 1986 and D. P. W. Ellis 2002) walks through the
frames of an STFT at `rate`: magnitudes are interpolated between neighbouring frames, and the phase
advances by the wrapped difference of their phases. That phase is only ever used as exp(j phi), and
wrapping changes it by multiples of 2 pi, so the wrap and the expected advance cancel. What is left
is a running product of unit phasors u of the input frames,

    p[0] = u[0],    p[t+1] = p[t] * u[i+1] * conj(u[i]),    i = floor(t * rate),

without arctan, cos or sin. A Newton step for 1 / |p|, p *= 1.5 - 0.5 |p|^2, holds p on the unit
circle.

The analysis transform is float64, rounded to complex64 afterwards: a phase advance is carried on
into every later frame, and in float32 the bins far below a frame's loudest have none to speak of.

Relative RMS error against librosa run in float64, over rates 0.5 to 1.83 and -7 to 2 semitones: at
most 5e-7 on recordings of emodb and a chirp of 2 s, 9e-7 on 30 s of synthetic speech. librosa's own
float32 is off by 5e-4 to 6e-3 there, on the 30 s by 1e-2 to 3e-2. Where a signal holds digital
silence librosa takes the phase of a few zeros for pi by their sign; then the two differ by 5e-5.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.fourier import Signal, Spectra, frame_spectra, inverse_spectra
from features.kernels import compiled

FRAME = 2048  # samples: librosa's n_fft and window length
HOP = FRAME // 4


@dataclass(frozen=True)
class PolarSpectrum:
    """STFT of a signal as magnitudes and unit phasors, with two frames of silence at its end.

    Shape: magnitude, real, imag (frames + 2, 1025); frames = 1 + samples // 512
    """

    magnitude: Signal
    real: Signal
    imag: Signal
    frames: int
    samples: int


def analyse(x: Signal) -> PolarSpectrum:
    """What `stretch` and `shift` both start from, so that they can share it.

    Shape: (T,) -> see PolarSpectrum; T >= 1, else ValueError
    """
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"vocoder: expected a mono signal of shape (T,), T >= 1; found {x.shape}")
    padded = np.pad(x.astype(np.float32, copy=False), FRAME // 2)
    spectra = frame_spectra(padded, _hann_float64(), HOP)
    polar = np.empty((3, len(spectra) + 2, FRAME // 2 + 1), np.float32)
    _kernels()[0](spectra, polar[0], polar[1], polar[2])
    return PolarSpectrum(polar[0], polar[1], polar[2], len(spectra), x.size)


def stretch(spectrum: PolarSpectrum, rate: float) -> Signal:
    """The signal played `rate` times as fast at the same pitch (`librosa.effects.time_stretch`).

    Shape: -> (round(samples / rate),). ValueError for a rate that is not positive, or so high that
    nothing is left of the signal.
    """
    samples = round(spectrum.samples / rate) if rate > 0 and math.isfinite(rate) else 0
    if samples < 1:
        raise ValueError(
            f"time stretch: found rate {rate} for {spectrum.samples} samples, expected a positive "
            "rate that leaves at least one sample; lower the rate or drop the recording"
        )
    frames = min(math.ceil(spectrum.frames / rate), math.ceil((samples + FRAME) / HOP))
    stretched = np.empty((frames, FRAME // 2 + 1), np.complex64)
    _, resynthesise, overlap_add = _kernels()
    resynthesise(spectrum.magnitude, spectrum.real, spectrum.imag, rate, stretched)
    signal = np.zeros(samples, np.float32)
    overlap_add(inverse_spectra(stretched), _hann(), signal)
    return signal


def shift(spectrum: PolarSpectrum, sample_rate_hz: int, semitones: float) -> Signal:
    """The signal `semitones` higher at the same speed (`librosa.effects.pitch_shift`): stretched,
    then resampled back to its old length.

    Shape: -> (samples,)
    """
    import soxr

    rate = 2.0 ** (-semitones / 12)
    slow = stretch(spectrum, rate)
    resampled = soxr.resample(slow, sample_rate_hz / rate, sample_rate_hz, quality="HQ")
    kept = resampled[: min(math.ceil(slow.size * rate), spectrum.samples)]
    if kept.size < spectrum.samples:
        return np.pad(kept, (0, spectrum.samples - kept.size))
    return np.ascontiguousarray(kept, dtype=np.float32)


@functools.cache
def _hann_float64() -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)


@functools.cache
def _hann() -> Signal:
    return _hann_float64().astype(np.float32)


@functools.cache
def _kernels() -> tuple[Callable[..., None], Callable[..., None], Callable[..., None]]:
    return compiled(_to_polar), compiled(_resynthesise), compiled(_overlap_add)


def _to_polar(spectra: Spectra, magnitude: Signal, real: Signal, imag: Signal) -> None:
    frames, bins = spectra.shape
    for i in range(frames):
        for k in range(bins):
            re, im = spectra[i, k].real, spectra[i, k].imag
            size = np.sqrt(re * re + im * im)
            # Squares lose bits to underflow below this. A silent bin has phase 0, as in librosa.
            silent = size < np.float32(1e-18)
            inverse = np.float32(0) if silent else np.float32(1) / size
            magnitude[i, k] = size
            real[i, k] = np.float32(1) if silent else re * inverse
            imag[i, k] = im * inverse
    magnitude[frames:] = 0
    real[frames:] = 1
    imag[frames:] = 0


def _resynthesise(
    magnitude: Signal, real: Signal, imag: Signal, rate: float, out: NDArray[np.complex64]
) -> None:
    frames, bins = out.shape
    p_re, p_im = real[0].copy(), imag[0].copy()
    for t in range(frames):
        i = int(t * rate)
        later = np.float32(t * rate - i)
        earlier = np.float32(1) - later
        for k in range(bins):
            size = earlier * magnitude[i, k] + later * magnitude[i + 1, k]
            out[t, k] = complex(size * p_re[k], size * p_im[k])
            d_re = real[i + 1, k] * real[i, k] + imag[i + 1, k] * imag[i, k]
            d_im = imag[i + 1, k] * real[i, k] - real[i + 1, k] * imag[i, k]
            re = p_re[k] * d_re - p_im[k] * d_im
            im = p_re[k] * d_im + p_im[k] * d_re
            newton = np.float32(1.5) - np.float32(0.5) * (re * re + im * im)
            p_re[k] = re * newton
            p_im[k] = im * newton


def _overlap_add(frames: Signal, window: Signal, signal: Signal) -> None:
    """Windowed frames added up and divided by the sum of the squared windows, half a frame cut off
    at the start; a hop at a time, so that sum and weight stay in the processor's nearest cache."""
    tiny = np.finfo(np.float32).tiny
    added, weight = np.empty(HOP, np.float32), np.empty(HOP, np.float32)
    for start in range(0, signal.size, HOP):
        latest = (start + FRAME // 2) // HOP
        added[:] = weight[:] = 0
        for t in range(max(0, latest - 3), min(latest + 1, frames.shape[0])):
            at = (latest - t) * HOP
            part, share = frames[t, at : at + HOP], window[at : at + HOP]
            for k in range(HOP):
                added[k] += part[k] * share[k]
                weight[k] += share[k] * share[k]
        out = signal[start : start + HOP]
        for k in range(out.size):
            out[k] = added[k] / weight[k] if weight[k] > tiny else added[k]

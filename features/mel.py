"""Log-mel spectrograms: torchaudio's mel filter bank on the power spectrum, then the natural log.

The same numbers as `torchaudio.transforms.MelSpectrogram` (periodic Hann window, power 2, HTK mel
scale, centred frames with reflected edges) in less than half of its time: the filter bank is built
once, and only the two filters that overlap a frequency are multiplied with it.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.fourier import Signal, Spectra, frame_spectra
from features.kernels import compiled

TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class MelParams:
    n_fft: int  # samples
    window_ms: float
    hop_ms: float
    n_mels: int
    f_min_hz: float
    f_max_hz: float
    floor: float  # least mel power; the log of anything below is ln(floor)

    def __post_init__(self) -> None:
        if min(self.n_fft, self.window_ms, self.hop_ms, self.n_mels) <= 0:
            raise ValueError(
                f"mel: found {self}; expected n_fft, window_ms, hop_ms, n_mels above 0"
            )
        if not TINY <= self.floor < math.inf:
            raise ValueError(
                f"mel: found floor {self.floor}; expected {TINY:.3g}, the least normal float32, "
                "or more"
            )
        if not 0 <= self.f_min_hz < self.f_max_hz:
            raise ValueError(
                f"mel: found f_min_hz {self.f_min_hz} and f_max_hz {self.f_max_hz}; "
                "expected 0 <= f_min_hz < f_max_hz"
            )


def log_mel(x: Signal, sample_rate_hz: int, params: MelParams) -> NDArray[np.float16]:
    """ln(max(mel power, floor)), rounded to float16.

    float16 keeps 11 bits, so rounding adds at most 2^-11 = 4.9e-4 of a value. Measured against
    torchaudio on 339 recordings with a floor of 1e-6, where values lie in [-13.8, 9.0]: at most
    0.0039 (0.017 dB), or 4.9e-4 of a value beyond 1; the float32 before rounding differs by 1e-6.

    Shape: (T,) -> (frames, n_mels), frames = 1 + T // hop with the hop in samples,
    round(sample_rate_hz * hop_ms / 1000). ValueError unless T >= 1, every sample is finite and no
    power overflows float32 (samples of about 1e17; 1 is full scale). The result is finite.
    """
    import torch

    # One sum is enough: it is finite only if every sample is.
    if x.ndim != 1 or x.size == 0 or not math.isfinite(x.sum()):
        raise ValueError(f"mel: expected finite samples of shape (T,), T >= 1; found {x.shape}")
    bank = _filter_bank(sample_rate_hz, params)
    padded = _reflected(x.astype(np.float32, copy=False), params.n_fft // 2)
    spectra = frame_spectra(padded, bank.window, bank.hop)
    mel = np.empty((params.n_mels, len(spectra)), np.float32)
    _mel_power()(spectra, bank.first, bank.stop, bank.weights, mel)
    if not math.isfinite(mel.max()):
        raise ValueError(
            f"mel: found samples as large as {np.abs(x).max():.3g}, whose power overflows float32; "
            "expected a full scale of 1"
        )
    # torch converts to float16 fifty times as fast as NumPy, with the same (nearest even) rounding.
    return torch.from_numpy(mel).clamp_min_(params.floor).log_().half().T.contiguous().numpy()


def _reflected(x: Signal, n: int) -> Signal:
    """Shape: (T,) -> (n + T + n,); what `np.pad` does, in a fifth of its time"""
    if x.size <= n:
        return np.pad(x, n, mode="reflect")
    return np.concatenate([x[n:0:-1], x, x[-2 : -n - 2 : -1]])


@dataclass(frozen=True)
class _FilterBank:
    """Shape: window (n_fft,); first, stop (n_mels,); weights (n_mels, n_fft // 2 + 1)"""

    window: Signal
    hop: int  # samples
    first: NDArray[np.int64]  # the bins in which a filter is not zero
    stop: NDArray[np.int64]
    weights: Signal


@functools.cache
def _filter_bank(sample_rate_hz: int, params: MelParams) -> _FilterBank:
    import torch
    from torchaudio.functional import melscale_fbanks

    length = round(sample_rate_hz * params.window_ms / 1000)
    hop = round(sample_rate_hz * params.hop_ms / 1000)
    if not 1 <= length <= params.n_fft or hop < 1 or params.f_max_hz > sample_rate_hz / 2:
        raise ValueError(
            f"mel: found {params} at {sample_rate_hz} Hz; expected a window of 1 to n_fft samples "
            f"(it has {length}), a hop of at least one, and f_max_hz up to {sample_rate_hz / 2}"
        )
    before = (params.n_fft - length) // 2
    window = np.zeros(params.n_fft, np.float32)
    window[before : before + length] = torch.hann_window(length).numpy()
    bins = params.n_fft // 2 + 1
    weights = melscale_fbanks(
        bins, params.f_min_hz, params.f_max_hz, params.n_mels, sample_rate_hz
    ).numpy()
    used = np.ascontiguousarray(weights.T) > 0
    if not used.any(axis=1).all():
        raise ValueError(
            f"mel: {params.n_mels} filters are too many for n_fft {params.n_fft} at "
            f"{sample_rate_hz} Hz: {int((~used.any(axis=1)).sum())} of them hold no frequency; "
            "lower n_mels or raise n_fft"
        )
    stop = bins - used[:, ::-1].argmax(axis=1)
    return _FilterBank(window, hop, used.argmax(axis=1), stop, np.ascontiguousarray(weights.T))


@functools.cache
def _mel_power() -> Callable[..., None]:
    return compiled(_mel_power_loop)


def _mel_power_loop(
    spectra: Spectra,
    first: NDArray[np.int64],
    stop: NDArray[np.int64],
    weights: Signal,
    mel: Signal,
) -> None:
    """Frames lie side by side in the inner loops, so that a step works on many of them at once.

    Shape: mel (n_mels, frames)
    """
    frames, bins = spectra.shape
    power = np.empty((bins, frames), np.float32)
    for t in range(frames):
        for k in range(bins):
            re, im = spectra[t, k].real, spectra[t, k].imag
            power[k, t] = re * re + im * im
    sums = np.empty(frames, np.float32)
    for m in range(first.size):
        sums[:] = 0
        for k in range(first[m], stop[m]):
            weight, bin_power = weights[m, k], power[k]
            for t in range(frames):
                sums[t] += weight * bin_power[t]
        mel[m] = sums

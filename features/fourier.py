"""Fourier transforms of framed signals, with the same bits whatever the number of threads.

torch brings the fastest transform among the project's dependencies. It runs on one thread here:
how torch shares work among threads may change the last bit, and a row of the store must not depend
on the number of cores of the machine that computed it.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.kernels import compiled
from features.threads import one_thread

Signal = NDArray[np.float32]
Spectra = NDArray[np.complexfloating[Any, Any]]  # complex64 or complex128


def frame_spectra(padded: Signal, window: Signal | NDArray[np.float64], hop: int) -> Spectra:
    """Spectra of windowed frames; the caller pads, because each feature pads in its own way.

    The window's type is that of the whole transform, whose error is relative to a frame's loudest
    bin: in float32 the phase of a bin 100 dB below it is hardly known. All frames at once: torch
    plans a transform anew for every call.

    Shape: (T,), (n_fft,) -> (frames, n_fft // 2 + 1), frames = 1 + (T - n_fft) // hop
    """
    import torch

    frames = np.empty((1 + (padded.size - window.size) // hop, window.size), window.dtype)
    _framing()(padded, window, hop, frames)
    with one_thread():
        return torch.fft.rfft(torch.from_numpy(frames)).numpy()  # type: ignore[no-any-return]


def inverse_spectra(spectra: Spectra) -> Signal:
    """The frames (not windowed, not added up) of half spectra.

    Shape: (frames, bins) -> (frames, 2 * (bins - 1))
    """
    import torch

    with one_thread():
        return torch.fft.irfft(torch.from_numpy(spectra)).numpy()  # type: ignore[no-any-return]


@functools.cache
def _framing() -> Callable[..., None]:
    return compiled(_frame)


def _frame(padded: Signal, window: Signal, hop: int, out: Signal) -> None:
    for t in range(out.shape[0]):
        frame, part = out[t], padded[t * hop : t * hop + window.size]
        for n in range(window.size):
            frame[n] = part[n] * window[n]

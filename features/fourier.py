"""Fourier transforms of framed signals, with the same bits whatever the number of threads.

torch brings the fastest transform among the project's dependencies. It runs on one thread here:
how torch shares work among threads may change the last bit, and a row of the store must not depend
on the number of cores of the machine that computed it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float32]
Spectra = NDArray[np.complex64]


def frame_spectra(padded: Signal, window: Signal | NDArray[np.float64], hop: int) -> Spectra:
    """Spectra of windowed frames; the caller pads, because each feature pads in its own way.

    A float64 window makes the whole transform float64; the result is rounded to complex64 either
    way. A transform's error is relative to a frame's loudest bin, so that in float32 the phase of a
    bin 100 dB below it is hardly known.

    Shape: (T,), (n_fft,) -> (frames, n_fft // 2 + 1), frames = 1 + (T - n_fft) // hop
    """
    import torch

    with one_thread():
        frames = torch.from_numpy(padded).unfold(0, window.size, hop) * torch.from_numpy(window)
        spectra: Spectra = torch.fft.rfft(frames).to(torch.complex64).numpy()
    return spectra


def inverse_spectra(spectra: Spectra) -> Signal:
    """The frames (not windowed, not added up) of half spectra.

    Shape: (frames, bins) -> (frames, 2 * (bins - 1))
    """
    import torch

    with one_thread():
        return torch.fft.irfft(torch.from_numpy(spectra)).numpy()  # type: ignore[no-any-return]


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread, and give back the caller's number afterwards."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

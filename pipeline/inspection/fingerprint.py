"""Audio fingerprints: the same recording after coding, filtering, cutting or a change of level.

After J. Haitsma and T. Kalker, A Highly Robust Audio Fingerprinting System, ISMIR 2002: at 5 kHz,
33 bands of equal width on a logarithmic scale from 300 to 2000 Hz, windows of 0.37 s each 11.6 ms
apart. Bit m of frame n tells whether the energy difference of the bands m and m + 1 grew since
frame n - 1. Two recordings of one text share half of the bits, a copy far more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from features.fourier import Signal

RATE_HZ = 5000
WINDOW = 1850  # samples, 0.37 s
HOP = 58  # samples, 11.6 ms
BITS = 32
LOWEST_HZ, HIGHEST_HZ = 300.0, 2000.0
FFT = 2048
MOST_WRONG = 0.35  # share of bits that differ between copies, at most (the paper's bound)
LEAST_FRAMES = 60  # that two recordings must share, 0.7 s beyond a window: fewer tell too little
MOST_OWNERS = 50  # recordings that have a frame in common: more are a hum or silence, no evidence

Frames = npt.NDArray[np.uint32]


def frames(x: Signal, sample_rate_hz: int) -> Frames:
    """The fingerprint of a signal.

    Shape:
        x: (T,) -> (F,), F = (T * 5000 / rate - 1850) // 58; none for less than about 0.4 s
    """
    import soxr

    low = soxr.resample(x, sample_rate_hz, RATE_HZ, quality="QQ") if len(x) else x
    if len(low) < WINDOW + HOP:
        return np.empty(0, np.uint32)
    windows = np.lib.stride_tricks.sliding_window_view(low, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), FFT)) ** 2
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BITS + 2) * FFT / RATE_HZ
    energy = np.add.reduceat(power, np.round(edges).astype(int), axis=1)[:, : BITS + 1]
    slope = energy[:, :-1] - energy[:, 1:]
    bits = slope[1:] - slope[:-1] > 0
    return np.packbits(bits, axis=1).view(">u4")[:, 0].astype(np.uint32)


@dataclass(frozen=True)
class Match:
    """Two recordings of which one seems to be made from the other."""

    one: int
    other: int
    wrong: float  # share of the bits that differ where they overlap
    seconds: float  # of the overlap


def matches(prints: Sequence[Frames]) -> list[Match]:
    """Pairs of recordings, by index, that share a stretch; one pair at its best offset.

    Frames that are equal bit for bit say which pairs and offsets to compare, so the time grows with
    the number of frames and not with the number of pairs.
    """
    owner = np.concatenate([np.full(len(p), i) for i, p in enumerate(prints)] or [np.empty(0, int)])
    place = np.concatenate([np.arange(len(p)) for p in prints] or [np.empty(0, int)])
    code = np.concatenate([*prints, np.empty(0, np.uint32)])
    hits: set[tuple[int, int, int]] = set()
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(code[order]) > 0, True])
    for begin, end in pairwise(starts):
        if 1 < end - begin <= MOST_OWNERS:
            _note_hits(hits, owner[order[begin:end]], place[order[begin:end]])
    best: dict[tuple[int, int], Match] = {}
    for one, other, offset in sorted(hits):
        match = _compared(prints, one, other, offset)
        known = best.get((one, other))
        if match and (known is None or match.wrong < known.wrong):
            best[one, other] = match
    return [best[pair] for pair in sorted(best)]


def _note_hits(
    hits: set[tuple[int, int, int]],
    owner: npt.NDArray[np.int_],
    place: npt.NDArray[np.int_],
) -> None:
    for i in range(len(owner)):
        for j in range(i + 1, len(owner)):
            if owner[i] != owner[j]:
                a, b = (i, j) if owner[i] < owner[j] else (j, i)
                hits.add((int(owner[a]), int(owner[b]), int(place[b] - place[a])))


def _compared(prints: Sequence[Frames], one: int, other: int, offset: int) -> Match | None:
    """The match at one offset, if enough frames overlap and few enough bits differ."""
    a, b = prints[one][max(0, -offset) :], prints[other][max(0, offset) :]
    length = min(len(a), len(b))
    if length < LEAST_FRAMES:
        return None
    wrong = float(np.bitwise_count(a[:length] ^ b[:length]).sum() / (length * BITS))
    if wrong > MOST_WRONG:
        return None
    return Match(one, other, round(wrong, 3), round((length * HOP + WINDOW) / RATE_HZ, 2))

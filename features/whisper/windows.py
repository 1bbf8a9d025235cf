"""From a sound of any length to the windows that Whisper hears, and from their times back."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.whisper.params import VadParams

SAMPLE_RATE_HZ = 16_000  # what Whisper's front end is made for
_FRAME = SAMPLE_RATE_HZ // 50  # samples in 20 ms
_PAUSE_FRAMES = 10  # a cut looks for the quietest 200 ms

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Windows:
    """A sound cut up: what is kept of it, and where the cuts are."""

    pieces: list[Samples]  # [T] each, none longer than the window
    starts_s: list[float]  # of each piece in what is kept
    spans: list[tuple[int, int]]  # first and end sample of each part of the sound that is kept

    def in_sound_s(self, piece: int, time_s: float) -> float:
        """A time in a piece as the time in the whole sound; not beyond its last kept sample."""
        at = (self.starts_s[piece] + time_s) * SAMPLE_RATE_HZ
        for start, end in self.spans:
            if at <= end - start:
                break
            at -= end - start
        return min(start + at, end) / SAMPLE_RATE_HZ


def cut(x: Samples, window_s: float, vad: VadParams | None) -> Windows:
    """Cut a sound into windows of at most `window_s`, at its quietest places; none if no speech.

    Shape: x [T] -> pieces [T_i]; without `vad` sum(T_i) = T.
    """
    spans = [(0, len(x))] if vad is None else _speech(x, vad)
    kept = np.concatenate([x[:0], *(x[start:end] for start, end in spans)])
    edges = [0, *_cuts(kept, round(window_s * SAMPLE_RATE_HZ)), len(kept)] if spans else []
    places = [*pairwise(edges)]
    pieces = [kept[start:end] for start, end in places]
    return Windows(pieces, [start / SAMPLE_RATE_HZ for start, _ in places], spans)


def _cuts(x: Samples, window: int) -> list[int]:
    """Where to cut: each time the quietest 200 ms in the second half of the window."""
    found: list[int] = []
    start = 0
    while len(x) - start > window:
        first = start + window // 2
        frames = x[first : start + window]
        frames = frames[: len(frames) // _FRAME * _FRAME].reshape(-1, _FRAME)
        energy = np.cumsum([0.0, *np.square(frames, dtype=np.float64).sum(axis=1)])
        pauses = energy[_PAUSE_FRAMES:] - energy[:-_PAUSE_FRAMES]
        start = first + int((np.argmin(pauses) + _PAUSE_FRAMES / 2) * _FRAME)
        found.append(start)
    return found


def _speech(x: Samples, params: VadParams) -> list[tuple[int, int]]:
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=params.threshold,
        min_silence_duration_ms=params.min_silence_ms,
        speech_pad_ms=params.pad_ms,
    )
    return [(int(part["start"]), int(part["end"])) for part in get_speech_timestamps(x, options)]

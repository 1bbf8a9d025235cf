"""Laws of cutting a sound into windows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.whisper.params import WhisperParams
from features.whisper.windows import SAMPLE_RATE_HZ, Windows, cut
from tests.features.test_asr import NO_DOUBT, PARAMS


@settings(deadline=None, max_examples=30)
@given(seconds=st.floats(0.001, 20), window_s=st.floats(1, 6), seed=st.integers(0, 9))
def test_windows_hold_every_sample_once_and_are_never_too_long(
    seconds: float, window_s: float, seed: int
) -> None:
    samples = max(1, round(seconds * SAMPLE_RATE_HZ))
    x = np.random.default_rng(seed).standard_normal(samples).astype(np.float32)
    found = cut(x, window_s, None)
    np.testing.assert_array_equal(np.concatenate(found.pieces), x)
    lengths = [len(piece) for piece in found.pieces]
    assert 0 < min(lengths) <= max(lengths) <= round(window_s * SAMPLE_RATE_HZ)
    assert all(n >= window_s * SAMPLE_RATE_HZ * 0.45 for n in lengths[:-1])


def test_cuts_fall_into_the_silences() -> None:
    loud = np.random.default_rng(0).standard_normal(65 * SAMPLE_RATE_HZ).astype(np.float32)
    for second in (20, 45):
        loud[second * SAMPLE_RATE_HZ : (second + 1) * SAMPLE_RATE_HZ] = 0
    found = cut(loud, 30.0, None)
    assert len(found.pieces) == 3
    for start, second in zip(found.starts_s[1:], (20, 45), strict=True):
        assert second < start < second + 1


def test_times_are_found_again_in_the_whole_sound() -> None:
    rate = SAMPLE_RATE_HZ
    spans = [(rate, 3 * rate), (10 * rate, 11 * rate)]  # 1-3 s and 10-11 s are kept
    windows = Windows([np.zeros(rate), np.zeros(2 * rate)], [0.0, 1.0], spans)
    times = [windows.in_sound_s(0, 0.5), windows.in_sound_s(1, 0.5), windows.in_sound_s(1, 1.5)]
    assert times == [1.5, 2.5, 10.5]
    assert windows.in_sound_s(1, 99.0) == 11.0


@pytest.mark.parametrize("window_s", [0.5, 31.0])
def test_a_window_that_whisper_cannot_hear_is_refused(window_s: float) -> None:
    with pytest.raises(ValueError, match="expected 1 to 30"):
        WhisperParams(**{**vars(PARAMS), "window_s": window_s})


@pytest.mark.parametrize(
    ("change", "message"),
    [({"temperatures": (0.0,)}, "expected all above 0"), ({"best_of": 0}, "at least 1")],
)
def test_doubts_that_cannot_be_followed_are_refused(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        type(NO_DOUBT)(**{**vars(NO_DOUBT), **change})

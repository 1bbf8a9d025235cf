"""espeak-ng does what the design of the demo corpus asks of it."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from pipeline.demo import espeak
from pipeline.demo.corpus import script
from pipeline.demo.espeak import MissingExtraError, Prosody, Speech, speak_each
from pipeline.demo.sentences import PAIRS, sentence

LINES = script()[:1]


def test_mandarin_twins_sound_the_same() -> None:
    prosody = Prosody(rate_wpm=220, pitch=50, range=50, volume=60)
    pairs = range(0, PAIRS, 7)
    for_each = (
        Speech(sentence("zh", pair, valence), "cmn+m2", prosody)
        for pair in pairs
        for valence in ("positive", "negative")
    )
    sound = list(speak_each(list(for_each), processes=2))
    for positive, negative in zip(sound[::2], sound[1::2], strict=True):
        np.testing.assert_array_equal(positive, negative)


def test_a_higher_rate_is_shorter_and_a_higher_volume_louder() -> None:
    plain = LINES[0].speech
    fast = replace(plain, prosody=replace(plain.prosody, rate_wpm=plain.prosody.rate_wpm + 60))
    quiet = replace(plain, prosody=replace(plain.prosody, volume=plain.prosody.volume // 2))
    as_is, hurried, hushed = speak_each([plain, fast, quiet], processes=1)
    assert len(hurried) < len(as_is) == len(hushed)
    level = [np.sqrt(np.mean(x.astype(float) ** 2)) for x in (as_is, hushed)]
    assert level[0] / level[1] == pytest.approx(2, rel=0.15)


def test_an_unknown_voice_is_an_error_that_names_it() -> None:
    speech = replace(LINES[0].speech, voice="tlh+f1")
    with pytest.raises(RuntimeError, match=r"tlh\+f1"):
        list(speak_each([speech], processes=1))


def test_without_espeak_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vcemo\[demo\]'"):
        espeak.require_espeak()

"""The design of the demo corpus, as laws of its script: no sound is made."""

from collections import Counter

import numpy as np
import pytest

from pipeline.demo.corpus import Line, script
from pipeline.demo.sentences import LEXICONS, PAIRS, sentence, sentences
from pipeline.demo.speakers import speakers

LINES = script()
CUES = ("rate_wpm", "pitch", "range", "volume")
HIGH = ("angry", "happy")
POSITIVE = ("happy", "neutral")


def of(split: str) -> list[Line]:
    return [line for line in LINES if line.speaker.split == split]


def test_480_utterances_of_24_speakers_in_two_languages() -> None:
    assert len(LINES) == len({line.path for line in LINES}) == 480
    assert Counter(line.speaker.language for line in LINES) == {"en": 240, "zh": 240}
    assert len({speaker.name for speaker in speakers()}) == 24
    assert len({speaker.voice.split("+")[1] for speaker in speakers()}) == 24


@pytest.mark.parametrize(("split", "count"), [("train", 320), ("val", 80), ("test", 80)])
def test_each_speaker_says_every_label_equally_often(split: str, count: int) -> None:
    assert len(of(split)) == count
    by_speaker = Counter((line.speaker.name, line.label) for line in of(split))
    assert set(by_speaker.values()) == {5}
    assert len(by_speaker) == count / 5
    genders = Counter((line.speaker.language, line.speaker.gender) for line in of(split))
    assert len(genders) == 4 and len(set(genders.values())) == 1


@pytest.mark.parametrize(("one", "other"), [("train", "val"), ("train", "test"), ("val", "test")])
def test_no_speaker_or_sentence_is_in_two_subsets(one: str, other: str) -> None:
    assert not {x.speaker.name for x in of(one)} & {x.speaker.name for x in of(other)}
    assert not {x.speech.text for x in of(one)} & {x.speech.text for x in of(other)}


def test_the_two_words_of_a_test_sentence_never_meet_in_training() -> None:
    def met(split: str) -> set[frozenset[str]]:
        known = {word for lexicon in LEXICONS.values() for word in lexicon.positive.split()}
        return {
            frozenset(word for word in known if word in line.speech.text) for line in of(split)
        } - {frozenset()}

    assert not met("train") & met("test")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_subset_knows_all_the_words(language: str) -> None:
    lexicon = LEXICONS[language]
    for split in ("train", "val", "test"):
        text = " ".join(x.speech.text for x in of(split) if x.speaker.language == language)
        for word in f"{lexicon.positive} {lexicon.negative} {lexicon.nouns}".split():
            assert word in text


def test_words_alone_cannot_tell_the_arousal() -> None:
    by_text: dict[str, list[str]] = {}
    for line in LINES:
        by_text.setdefault(line.speech.text, []).append(line.label)
    assert len(by_text) == 240
    assert all(sorted(x) in (["angry", "sad"], ["happy", "neutral"]) for x in by_text.values())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_only_the_words_of_valence_tell_two_twins_apart(language: str) -> None:
    lexicon = LEXICONS[language]
    swap = dict(zip(lexicon.positive.split(), lexicon.negative.split(), strict=True))
    assert len(set(sentences(language))) == 2 * PAIRS
    for pair in range(PAIRS):
        text, twin = (sentence(language, pair, valence) for valence in ("positive", "negative"))
        for marked in (f"<{i}>" for i in range(2)):
            word = next(w for w in sorted(swap) if w in text)
            text, twin = text.replace(word, marked), twin.replace(swap[word], marked)
        assert text == twin


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("cue", CUES)
def test_each_cue_of_prosody_rises_with_arousal_for_every_speaker(language: str, cue: str) -> None:
    for speaker in speakers():
        lines = [line for line in LINES if line.speaker == speaker]
        high = [vars(x.speech.prosody)[cue] for x in lines if x.label in HIGH]
        low = [vars(x.speech.prosody)[cue] for x in lines if x.label not in HIGH]
        assert min(high) > max(low)


@pytest.mark.parametrize("cue", CUES)
def test_prosody_does_not_tell_the_valence(cue: str) -> None:
    values = np.array([vars(line.speech.prosody)[cue] for line in LINES], float)
    high = np.array([line.label in HIGH for line in LINES])
    positive = np.array([line.label in POSITIVE for line in LINES])
    for part in (high, ~high):
        gap = values[part & positive].mean() - values[part & ~positive].mean()
        assert abs(gap) < 0.25 * values[part].std()

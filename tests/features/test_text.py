"""Laws of the normalisation for scoring and of the error rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.text import Errors, character_errors, normalise, word_errors, writes_spaces


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello world"),
        ("don't / don’t", "dont dont"),
        ("well-known", "well known"),
        ("ＡＢＣ１２", "abc12"),
        ("後來我們發現", "后来我们发现"),
        ("今天，天气 真好。", "今天天气真好"),
        ("我用 iPhone 手机", "我用iphone手机"),
        ("STRASSE straße", "strasse strasse"),
        ("€ $ + ♥", ""),
        ("  ", ""),
    ],
)
def test_writing_that_is_not_heard_goes(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_errors_are_counted_in_words_after_normalisation() -> None:
    assert word_errors("I am so happy", "i am very very happy!") == Errors(2, 4)
    assert word_errors("leave me alone", "Leave alone!") == Errors(1, 3)


def test_characters_are_the_measure_for_chinese() -> None:
    assert character_errors("今天天气真好。", "今天天汽真好") == Errors(1, 6)
    assert character_errors("後來", "后 来") == Errors(0, 2)
    assert not writes_spaces("zh")
    assert writes_spaces("de")
    assert writes_spaces(None)


@given(st.text())
def test_a_text_has_no_error_against_itself(text: str) -> None:
    assert word_errors(text, text).count == character_errors(text, text).count == 0


@given(st.text(), st.text())
def test_errors_are_at_most_the_longer_text(reference: str, heard: str) -> None:
    found = character_errors(reference, heard)
    assert found.units == len(normalise(reference))
    assert found.count <= max(found.units, len(normalise(heard)))


def test_an_empty_reference_gives_one_unless_nothing_was_heard() -> None:
    assert word_errors("", "three more words") == Errors(3, 0)
    assert character_errors("...", "word").rate == 1.0
    assert word_errors("", "?").rate == 0.0
    assert word_errors("a", "").rate == 1.0


def test_any_script_and_length_is_scored() -> None:
    for text in ("😀👍🏽", "שלום עולם", "𠮷野家で", "a" * 5000, "?!…", "Ünïcödé 今天 café"):
        assert character_errors(text, text).rate == 0.0
        assert character_errors(text, "").rate in (0.0, 1.0)

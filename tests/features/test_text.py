"""Laws of the normalisation for scoring and of the error rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.text import cer, normalise, wer


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


def test_errors_are_counted_over_all_words() -> None:
    # 1 substitution, 1 insertion, 1 deletion over 7 words
    references = ["I am so happy", "leave me alone"]
    hypotheses = ["i am very very happy", "Leave alone!"]
    assert wer(references, hypotheses) == pytest.approx(3 / 7)


def test_characters_are_the_measure_for_chinese() -> None:
    assert cer(["今天天气真好。"], ["今天天汽真好"]) == pytest.approx(1 / 6)
    assert cer(["後來"], ["后 来"]) == 0.0


@given(st.lists(st.text(), min_size=1))
def test_a_text_has_no_error_against_itself(texts: list[str]) -> None:
    assert wer(texts, texts) == cer(texts, texts) == 0.0


def test_an_empty_reference_gives_one_unless_nothing_was_heard() -> None:
    assert wer([""], ["three more words"]) == cer(["..."], ["word"]) == 1.0
    assert wer([""], ["?"]) == wer([], []) == 0.0
    assert wer(["a"], [""]) == 1.0


def test_lists_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 references but 1 hypotheses"):
        wer(["a", "b"], ["a"])

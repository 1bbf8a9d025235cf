import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.packing.alignment import locate, to_frames, token_times


def told(*words: tuple[str, float, float]) -> list[dict[str, object]]:
    return [{"word": w, "start_s": start, "end_s": end} for w, start, end in words]


def test_tokens_of_a_word_share_its_time_by_characters() -> None:
    times = token_times("don't go", ["do", "n't", "go"], told((" don't", 1.0, 2.0), (" go", 3, 4)))
    assert np.allclose(times, [[1.0, 1.4], [1.4, 2.0], [3.0, 4.0]])


def test_a_token_of_several_words_lasts_from_the_first_to_the_last() -> None:
    times = token_times(
        "今天很好", ["今天", "很好"], told(("今", 0, 1), ("天", 1, 2), ("很", 4, 5))
    )
    assert np.allclose(times, [[0, 2], [4, 5]])


def test_case_and_marks_of_a_corpus_do_not_matter_and_a_strange_word_is_left_out() -> None:
    words = told(("I'M", 0, 1), ("[laughter]", 1, 2), ("FINE", 2, 3))
    times = token_times("I'm fine.", ["I", "'m", "fine", "."], words)
    assert np.allclose(times[2], [2, 3])
    assert np.isnan(times[3]).all()


def test_a_word_that_is_not_there_does_not_swallow_the_text_up_to_its_next_mention() -> None:
    text = "yes. " + "and so it goes on and on. " * 3 + "well"
    words = told(("well", 0, 1), ("yes", 1, 2))
    assert list(locate(text, [str(w["word"]) for w in words])) == [None, range(3)]


@given(st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=8))
def test_tokens_that_are_the_words_have_their_times(tokens: list[str]) -> None:
    words = told(*((t, i, i + 0.5) for i, t in enumerate(tokens)))
    times = token_times(" ".join(tokens), tokens, words)
    assert np.allclose(times, [[i, i + 0.5] for i in range(len(tokens))])
    frames = to_frames(times, 0.01)
    assert (frames[:, 0] < frames[:, 1]).all()


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_text_has_no_times(text: str) -> None:
    assert token_times(text, [], []).shape == (0, 2)

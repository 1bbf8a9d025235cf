"""Votes: every rater counts as one, and what follows from them lies where it must."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import labels
from pipeline.listing.ratings import agreement, shares
from pipeline.listing.utterance import Utterance, Vote

KNOWN = labels.table("iemocap", None)
NAMES = st.sampled_from(["ang", "Anger", "hap", "Sadness", "neu", "xxx"])
VOTES = st.lists(st.lists(NAMES, max_size=3, unique=True).map(lambda n: Vote("r", tuple(n))))


def rated(*raters: str) -> Utterance:
    votes = tuple(Vote(None, tuple(told.split())) for told in raters)
    return Utterance(path="a.wav", votes=votes)


def both(utterance: Utterance) -> tuple[dict[str, float] | None, float | None]:
    soft = shares(utterance, KNOWN)
    return soft, agreement(utterance, soft, KNOWN)


def test_raters_of_one_mind_agree_wholly_whatever_names_they_use() -> None:
    assert both(rated("ang", "Anger", "ANG")) == ({"angry": 1.0}, 1.0)


def test_who_names_two_emotions_gives_each_half_a_voice_and_agrees_with_both() -> None:
    soft, agreed = both(rated("ang sad", "sad"))
    assert soft == {"angry": 0.25, "sad": 0.75}
    assert agreed == 1.0


def test_a_rater_who_named_no_emotion_has_no_voice() -> None:
    assert both(rated("ang", "xxx", "")) == both(rated("ang"))
    assert both(rated("xxx")) == both(rated()) == (None, None)


def test_counts_that_the_corpus_gives_come_before_single_votes() -> None:
    counted = Utterance(path="a.wav", soft_label={"ang": 3, "xxx": 4, "sad": 1})
    assert both(counted) == ({"angry": 0.75, "sad": 0.25}, 0.75)


@given(VOTES)
def test_shares_add_up_to_one_and_agreement_is_at_least_the_largest(votes: list[Vote]) -> None:
    soft, agreed = both(Utterance(path="a.wav", votes=tuple(votes)))
    if soft is None:
        assert agreed is None
        return
    assert sum(soft.values()) == pytest.approx(1)
    assert list(soft) == sorted(soft)
    assert agreed is not None
    assert max(soft.values()) <= agreed + 1e-9 <= 1 + 2e-9

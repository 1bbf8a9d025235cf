import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    recall_score,
)

from training import metrics

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


def test_ten_answers_by_hand():
    truth = np.array([int(c) for c in "0000112223"])
    answer = np.array([int(c) for c in "0010102233"])
    counts = metrics.count(truth, answer, 4)
    assert counts.tolist() == [[3, 1, 0, 0], [1, 1, 0, 0], [0, 0, 2, 1], [0, 0, 0, 1]]
    scores = metrics.score(counts)
    assert scores.wa == pytest.approx(0.7)
    assert scores.ua == pytest.approx(0.729167, abs=1e-6)
    assert scores.recall == pytest.approx((0.75, 0.5, 0.666667, 1), abs=1e-6)
    assert scores.f1_macro == pytest.approx(0.679167, abs=1e-6)
    assert scores.f1_weighted == pytest.approx(0.706667, abs=1e-6)


def test_always_the_larger_class():
    scores = metrics.score(np.array([[6, 0], [4, 0]]))
    assert (scores.wa, scores.ua) == (0.6, 0.5)
    assert scores.f1_macro == pytest.approx(0.375)
    assert scores.f1_weighted == pytest.approx(0.45)


@settings(max_examples=25, deadline=None)
@given(PAIRS)
def test_scores_are_those_of_scikit_learn(pairs):
    truth, answer = np.array(pairs).T
    counts = metrics.count(truth, answer, 5)
    scores = metrics.score(counts)
    labels = list(range(5))
    assert counts.tolist() == confusion_matrix(truth, answer, labels=labels).tolist()
    assert scores.wa == pytest.approx(accuracy_score(truth, answer))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about answers of classes that never occur
        assert scores.ua == pytest.approx(balanced_accuracy_score(truth, answer))
        recall = recall_score(truth, answer, labels=labels, average=None, zero_division=np.nan)
    assert scores.recall == pytest.approx(tuple(recall), nan_ok=True)
    for name in ("weighted", "macro"):
        expected = f1_score(truth, answer, labels=labels, average=name, zero_division=0)
        assert getattr(scores, f"f1_{name}") == pytest.approx(expected)


@given(PAIRS, PAIRS)
def test_counts_of_parts_add_up_to_the_counts_of_the_whole(first, second):
    a, b = (metrics.count(*np.array(p).T, 5) for p in (first, second))
    whole = metrics.count(*np.array(first + second).T, 5)
    assert np.array_equal(a + b, whole)


def test_no_answers_cannot_be_scored():
    with pytest.raises(ValueError, match="no predictions"):
        metrics.score(np.zeros((4, 4), dtype=np.int64))

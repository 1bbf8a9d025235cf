"""Scores of dimensions from predictions: gold values, intervals, and what is refused."""

from typing import Any

import numpy as np
import pytest

from pipeline.evaluation.answers import AnswersError, NoClassesError, read_answers
from pipeline.evaluation.compare import ComparisonError
from pipeline.evaluation.groups import rate_groups
from pipeline.evaluation.ratings import Rated, compare_rated, read_rated, score_rated
from tests.pipeline.evaluation.made_answers import connection_of, prediction_rows, utterance_rows

Numbers = list[float]


def rated_rows(actual: list[float | None], predicted: Numbers, **more: Any) -> list[dict[str, Any]]:
    """Rows of predictions with arousal, and with a valence that is 3 throughout."""
    rows = prediction_rows("0" * len(actual), "0" * len(actual), **more)
    for row, truth, answer in zip(rows, actual, predicted, strict=True):
        row["ratings"] = [("arousal", truth), ("valence", 3.0)]
        row["predicted_ratings"] = [("arousal", answer), ("valence", 3.0)]
    return rows


def read(rows: list[dict[str, Any]], dimension: str = "arousal") -> Rated:
    found = read_rated(connection_of(rows, utterance_rows(len(rows))), "all")
    return next(rated for rated in found if rated.dimension == dimension)


def noisy(count: int, seed: int, noise: float = 0.5) -> tuple[Numbers, Numbers]:
    draw = np.random.default_rng(seed)
    actual = draw.uniform(1, 5, count)
    return actual.tolist(), (actual + draw.normal(0, noise, count)).tolist()


def values(scores: Any) -> list[float]:
    return [scores[name].value for name in ("ccc", "pcc", "mae")]


def test_gold_values_and_what_is_not_rated_is_left_out() -> None:
    found = score_rated(read(rated_rows([1, 2, 3, 4, None], [2, 3, 4, 5, 99])))
    assert values(found.pooled) == pytest.approx([5 / 7, 1, 1])
    assert (found.rows, found.utterances) == (4, 4)


def test_sql_says_the_same() -> None:
    rows = rated_rows(*noisy(60, 0))
    connection = connection_of(rows, utterance_rows(60))
    told = connection.execute(
        "SELECT ccc(a, p), corr(a, p), mae(a, p) FROM (SELECT ratings['arousal'] AS a, "
        "predicted_ratings['arousal'] AS p FROM predictions)"
    ).fetchone()
    assert values(score_rated(read(rows)).pooled) == pytest.approx(told, rel=1e-5)


def test_what_does_not_vary_has_no_figure_but_a_reason() -> None:
    pooled = score_rated(read(rated_rows([1, 2, 3, 4], [2, 2, 2, 2]), "valence")).pooled
    assert pooled["ccc"].value is None and "neither the ratings nor" in pooled["ccc"].why
    assert pooled["pcc"].value is None and "do not vary" in pooled["pcc"].why
    assert pooled["mae"].value == 0
    flat = score_rated(read(rated_rows([1, 2, 3, 4], [2, 2, 2, 2]))).pooled
    assert flat["ccc"].value == 0 and flat["pcc"].value is None
    none = score_rated(read(rated_rows([None, None], [2, 2]))).pooled
    assert {e.why for e in none.values()} == {"no utterance is rated"}


def test_folds_and_seeds_are_scored_apart_with_intervals() -> None:
    one = rated_rows(*noisy(40, 0))
    two = rated_rows(*noisy(40, 1, noise=3), fold=1, seed=1)
    for i, row in enumerate(two):
        row["utt_id"] = f"two/{i:04d}"
    found = score_rated(read(one + two))
    first, second = (found.folds[fold]["ccc"] for fold in (0, 1))
    assert first.value > found.pooled["ccc"].value > second.value
    assert values(found.seeds[1]) == values(found.folds[1])
    assert [i.unit for i in first.intervals] and first.intervals[0].width >= first.intervals[
        1
    ].width
    assert first.interval.low < first.value < first.interval.high


def test_the_interval_of_independent_utterances_is_fishers() -> None:
    n = 1500
    actual, predicted = noisy(n, 0, noise=1.2)
    pcc = score_rated(read(rated_rows(actual, predicted, speakers=n))).pooled["pcc"]
    z, half = np.arctanh(pcc.value), 1.96 / np.sqrt(n - 3)
    for interval in pcc.intervals:
        assert interval.low == pytest.approx(np.tanh(z - half), abs=0.008)
        assert interval.high == pytest.approx(np.tanh(z + half), abs=0.008)


def test_a_second_seed_of_the_same_answers_adds_no_certainty() -> None:
    once = rated_rows(*noisy(100, 0))
    twice = once + [row | {"seed": 1} for row in once]
    one, two = (score_rated(read(rows)).pooled["ccc"].intervals for rows in (once, twice))
    assert [i.width for i in two] == pytest.approx([i.width for i in one], rel=0.1)


def test_a_comparison_is_of_the_same_resamples_on_both_sides() -> None:
    actual, predicted = noisy(80, 0)
    better = [(a + p) / 2 for a, p in zip(actual, predicted, strict=True)]
    a, b = read(rated_rows(actual, predicted)), read(rated_rows(actual, better))
    found = compare_rated(a, b).scores
    assert found["mae"].b == pytest.approx(found["mae"].a / 2)
    assert found["ccc"].difference.interval.low > 0  # much narrower than of two sides apart
    same = compare_rated(a, a).scores["ccc"].difference
    assert (same.value, same.intervals) == (0, ()) and "the same in every" in same.why


def test_other_utterances_or_ratings_are_not_compared() -> None:
    a = read(rated_rows([1, 2, 3], [1, 2, 3]))
    with pytest.raises(ComparisonError, match="1 utterances have arousal on one side alone"):
        compare_rated(a, read(rated_rows([1, 2, None], [1, 2, 3])))
    with pytest.raises(ComparisonError, match="1 of 3 utterances are rated otherwise in arousal"):
        compare_rated(a, read(rated_rows([1, 2, 4], [1, 2, 3])))


def test_answers_that_cannot_be_scored_are_refused() -> None:
    with pytest.raises(AnswersError, match="arousal is not finite in 1 of 3 rows, first: one/0001"):
        read(rated_rows([1, 2, 3], [1, float("nan"), 3]))
    rows = rated_rows([1, 2, 3], [1, 2, 3])
    with pytest.raises(AnswersError, match="arousal is given twice"):
        read([*rows, rows[0]])
    rows[1]["predicted_ratings"] = None
    with pytest.raises(AnswersError, match="several tasks, with the dimensions arousal"):
        read(rows)


def test_a_run_of_dimensions_alone_has_no_classes_and_says_so() -> None:
    rows = [row | {"prediction": None, "probabilities": None} for row in rated_rows([1, 2], [1, 2])]
    connection = connection_of(rows, utterance_rows(2))
    with pytest.raises(NoClassesError, match=r"tells no classes apart.*weight: null"):
        read_answers(connection, "all")
    assert [rated.dimension for rated in read_rated(connection, "all")] == ["arousal", "valence"]
    assert read_rated(connection_of(prediction_rows(), utterance_rows(10)), "all") == []


def test_groups_have_the_scores_of_their_rows_and_a_gap() -> None:
    rows = rated_rows(*noisy(60, 0))
    for row in rows[::2]:  # of men: turned round, and so worse
        row["predicted_ratings"] = [("arousal", 6 - dict(row["ratings"])["arousal"])]
        row["ratings"] = row["ratings"][:1]
    for row in rows[1::2]:
        row["predicted_ratings"], row["ratings"] = (
            row[k][:1] for k in ("predicted_ratings", "ratings")
        )
    connection = connection_of(rows, utterance_rows(60))
    [rated] = read_rated(connection, "all")
    found = rate_groups(connection, rated, "gender")
    female, male = found.groups
    assert (female.value, female.utterances, male.utterances) == ("female", 30, 30)
    assert female.pooled == score_rated(read(rows[1::2])).pooled
    assert male.pooled["pcc"].value == pytest.approx(-1)
    gap = found.gaps["ccc"]
    assert gap.value == pytest.approx(female.pooled["ccc"].value - male.pooled["ccc"].value)
    assert gap.interval.low < gap.value < gap.interval.high
    with pytest.raises(AnswersError, match="no column 'colour'"):
        rate_groups(connection, rated, "colour")

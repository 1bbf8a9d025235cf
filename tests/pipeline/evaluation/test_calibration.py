"""Gold values of calibration by hand, and its laws."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from pipeline.evaluation.answers import Answers, read_answers
from pipeline.evaluation.calibration import (
    at_coverages,
    brier,
    calibrate,
    fit_temperatures,
    nll,
    reliability,
    scale,
    selective,
)
from pipeline.evaluation.soft import score_soft
from tests.pipeline.evaluation.made_answers import (
    connection_of,
    prediction_rows,
    random_digits,
    utterance_rows,
)


def answers_of(truth: str, answer: str, sure: float = 0.7) -> Answers:
    rows = prediction_rows(truth, answer, sure=sure)
    return read_answers(connection_of(rows, utterance_rows(len(rows))), "all")


def drawn_from(temperature: float, count: int, seed: int) -> Answers:
    """Answers of a model whose logits are `temperature` times the ones that labels come from."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 1.5, (count, 4))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = (shares.cumsum(axis=1) < draw.random((count, 1))).sum(axis=1)
    told = np.exp(temperature * logits)
    base = answers_of("".join(map(str, label)), "".join(map(str, logits.argmax(axis=1))))
    return replace(base, probabilities=told / told.sum(axis=1, keepdims=True))


def test_ece_by_hand() -> None:
    """Four answers given with 0.7, two of them right: |0.5 - 0.7| in one bin."""
    found = reliability(answers_of("0011", "0010"[::-1]))
    assert found.count.sum() == 4 and (found.count > 0).sum() == 1
    assert found.accuracy[10] == 0.25 and found.confidence[10] == pytest.approx(0.7)
    assert found.ece == pytest.approx(0.45)


def test_a_probability_on_an_edge_is_in_the_lower_bin_and_one_in_the_last() -> None:
    assert reliability(answers_of("00", "00", sure=1.0)).count[14] == 2
    assert reliability(answers_of("00", "00", sure=0.6)).count[8] == 2


def test_nll_and_brier_are_scikit_learns() -> None:
    answers = drawn_from(1.0, 200, 0)
    names = answers.label
    assert nll(answers) == pytest.approx(sk.log_loss(names, answers.probabilities))
    expected = sum(sk.brier_score_loss(names == k, answers.probabilities[:, k]) for k in range(4))
    assert brier(answers) == pytest.approx(expected)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_put_in_is_found(factor: float) -> None:
    validation, test = drawn_from(factor, 3000, 0), drawn_from(factor, 3000, 1)
    [found] = fit_temperatures(test, validation)
    assert found.value == pytest.approx(factor, rel=0.08)
    scaled = scale(test, (found,))
    assert np.array_equal(scaled.probabilities.argmax(axis=1), test.probabilities.argmax(axis=1))
    assert reliability(scaled).ece < 0.03
    if factor != 1.0:
        assert reliability(scaled).ece < reliability(test).ece / 2
        assert nll(scaled) < nll(test)


def test_each_model_has_a_temperature_of_its_own() -> None:
    sides = [drawn_from(factor, 2000, i) for i, factor in enumerate((0.5, 2.0))]
    names = ("utterance", "speaker", "fold", "seed", "label", "prediction", "probabilities")
    both = replace(sides[0], **{n: np.concatenate([getattr(s, n) for s in sides]) for n in names})
    both = replace(both, fold=np.repeat([0, 1], 2000))
    assert [t.value for t in fit_temperatures(both, both)] == pytest.approx([0.5, 2.0], rel=0.1)


def test_without_validation_nothing_is_scaled_and_the_reason_is_told() -> None:
    answers = drawn_from(2.0, 100, 0)
    found = calibrate(answers, None, 50)
    assert found.scaled is None and found.scaled_ece is None
    assert "no validation part apart" in found.why
    perfect = answers_of("0123", "0123")
    assert "which determines no temperature" in calibrate(perfect, perfect, 50).why
    assert calibrate(answers, answers, 50).why == ""


def test_the_interval_holds_the_calibration_error() -> None:
    found = calibrate(drawn_from(2.0, 500, 0), None, 300).ece
    assert found.interval is not None and found.value is not None
    assert 0 < found.interval.low < found.interval.high < 0.5


def test_the_surest_first() -> None:
    answers = answers_of("0000", "0001")
    shares = np.array([[0.9, 0.1, 0, 0], [0.8, 0.2, 0, 0], [0.7, 0.3, 0, 0], [0.4, 0.6, 0, 0]])
    answers = replace(answers, probabilities=shares)
    assert selective(answers).tolist() == [1, 1, 1, 0.75]
    assert at_coverages(selective(answers)) == {1.0: 0.75, 0.9: 0.75, 0.8: 1.0, 0.5: 1.0}


def test_equally_sure_answers_share_their_accuracy() -> None:
    assert selective(answers_of("0000", "1100")).tolist() == pytest.approx([0.5] * 4)


def test_soft_scores_by_hand() -> None:
    answers = answers_of("01", "01", sure=0.7)
    shares = np.array([[0.5, 0.5, 0, 0], [0, 1, 0, 0]])
    found = score_soft(answers, shares, 50)
    first = -0.5 * np.log(0.7) - 0.5 * np.log(0.1)
    assert found.cross_entropy.value == pytest.approx((first - np.log(0.7)) / 2)
    assert found.kl.value == pytest.approx((first - np.log(2) - np.log(0.7)) / 2)
    assert found.majority.value == 1.0  # of the second alone: the first has none
    unknown = score_soft(answers, np.full((2, 4), np.nan), 50)
    assert unknown.rows == 0 and unknown.kl.value is None and "no test" in unknown.kl.why


def test_agreement_of_numbers_by_hand_in_sql() -> None:
    connection = connection_of([], utterance_rows(1))
    x, y = [1.0, 2, 3, 4], [2.0, 3, 4, 5]
    connection.register("told", pa.table({"x": x, "y": y, "flat": [0.5] * 4}))
    asked = "SELECT ccc(x, y), corr(x, y), mae(x, y), ccc(x, flat), ccc(flat, flat) FROM told"
    ccc, pcc, mae, of_flat, of_none = connection.execute(asked).fetchone()
    assert ccc == pytest.approx(2 * 1.25 / (1.25 + 1.25 + 1))
    assert (pcc, mae, of_flat) == pytest.approx((1, 1, 0))
    assert of_none is None


def test_a_random_answer_is_as_right_at_any_coverage() -> None:
    accuracies = selective(answers_of(*random_digits(500)))
    assert accuracies[0] == pytest.approx(accuracies[-1])

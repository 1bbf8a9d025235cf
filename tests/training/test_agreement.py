"""Gold values of concordance, correlation and distance: by hand, by NumPy, SciPy, scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import mean_absolute_error

from training.agreement import agreement, sums
from training.losses import answer_loss, classification_loss, concordance_loss
from training.train_settings import Regression

ONE_UP = [1.0, 2, 3, 4], [2.0, 3, 4, 5]  # CCC 2 * 1.25 / (1.25 + 1.25 + 1) = 5/7, PCC 1, MAE 1
TURNED = [1.0, 2, 3, 4], [4.0, 3, 2, 1]  # CCC and PCC -1, MAE 2
HALF = [1.0, 2, 3, 4], [1.75, 2.25, 2.75, 3.25]  # cov .625, var .3125: CCC 1.25 / 1.5625 = 0.8


def scored(actual, predicted):
    found = agreement(sums(np.array(actual), np.array(predicted)).sum(axis=0))
    return float(found.ccc), float(found.pcc), float(found.mae)


def loss(predicted, actual):
    columns = (torch.tensor(x, dtype=torch.float32).T for x in (predicted, actual))
    return concordance_loss(*columns)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [(ONE_UP, (5 / 7, 1, 1)), (TURNED, (-1, -1, 2)), (HALF, (0.8, 1, 0.5))],
)
def test_agreement_by_hand(sides, expected):
    assert scored(*sides) == pytest.approx(expected)
    actual, predicted = sides
    assert loss([predicted], [actual]).item() == pytest.approx(1 - expected[0], abs=1e-6)


def test_agreement_is_that_of_scipy_and_scikit_learn():
    draw = np.random.default_rng(0)
    actual = draw.normal(3, 1, 200)
    predicted = 0.6 * actual + draw.normal(1, 0.5, 200)
    ccc, pcc, mae = scored(actual, predicted)
    assert pcc == pytest.approx(pearsonr(actual, predicted).statistic)
    assert mae == pytest.approx(mean_absolute_error(actual, predicted))
    shift = (actual.mean() - predicted.mean()) ** 2 / (actual.std() * predicted.std())
    scale = actual.std() / predicted.std()
    assert ccc == pytest.approx(pcc * 2 / (scale + 1 / scale + shift))  # Lin's accuracy C_b


@pytest.mark.parametrize(
    ("actual", "predicted", "ccc", "pcc"),
    [
        ([2.0, 2, 2], [2.0, 2, 2], None, None),
        ([2.3, 2.3, 2.3], [1.1, 1.1, 1.1], None, None),
        ([1.0, 2, 3], [2.1, 2.1, 2.1], 0, None),
    ],
)
def test_where_nothing_varies_nothing_is_defined(actual, predicted, ccc, pcc):
    found = scored(actual, predicted)
    for value, expected in zip(found, (ccc, pcc), strict=False):
        assert np.isnan(value) if expected is None else value == pytest.approx(expected)
    assert np.isnan(agreement(np.zeros(7)).mae)


@given(
    st.lists(st.tuples(st.floats(1, 7, width=32), st.floats(1, 7, width=32)), min_size=2),
    st.floats(0.1, 10),
)
def test_concordance_is_never_further_from_zero_than_correlation_nor_moved_by_the_unit(
    pairs, factor
):
    actual, predicted = np.array(pairs).T
    ccc, pcc, mae = scored(actual - 4, predicted - 4)
    again = scored(factor * (actual - 4), factor * (predicted - 4))
    if np.isfinite(pcc):
        assert abs(ccc) <= abs(pcc) + 1e-6
        assert again == pytest.approx((ccc, pcc, factor * mae), abs=1e-6)


def test_what_is_not_rated_takes_no_part():
    nan = float("nan")
    actual, predicted = ONE_UP
    whole = loss([predicted, TURNED[1]], [actual, TURNED[0]])
    assert whole.item() == pytest.approx((2 / 7 + 2) / 2, abs=1e-6)
    padded = loss([[*predicted, 99.0]], [[*actual, nan]])
    assert padded.item() == pytest.approx(2 / 7, abs=1e-6)
    once = loss([predicted, predicted], [actual, [nan, nan, 3.0, nan]])
    assert once.item() == pytest.approx(2 / 7, abs=1e-6)  # one rating says nothing of agreement


def test_without_any_rating_the_loss_is_zero_and_can_be_learned_from():
    predicted = torch.ones(3, 2, requires_grad=True)
    nothing = concordance_loss(predicted, torch.full((3, 2), float("nan")))
    nothing.backward()
    assert nothing.item() == 0 and predicted.grad.abs().sum() == 0


def test_constant_answers_have_a_loss_and_a_gradient_that_are_finite():
    predicted = torch.full((4, 1), 0.5, requires_grad=True)
    found = concordance_loss(predicted, torch.tensor([[0.1], [0.2], [0.3], [0.9]]))
    found.backward()
    assert found.item() == pytest.approx(1)
    assert predicted.grad.isfinite().all() and predicted.grad.abs().sum() > 0


def test_the_joint_loss_is_of_classes_plus_the_weighted_one_of_dimensions(run_settings):
    torch.manual_seed(0)
    answers = torch.randn(8, 6)
    targets = torch.cat([torch.eye(4)[torch.arange(8) % 4], torch.rand(8, 2)], dim=1)
    settings = run_settings.training
    classes = classification_loss(answers[:, :4], targets[:, :4], settings.objective)
    apart = concordance_loss(answers[:, 4:], targets[:, 4:])

    def joint(regression, n_classes):
        from dataclasses import replace

        return answer_loss(
            answers[:, 4 - n_classes :],
            targets[:, 4 - n_classes :],
            n_classes,
            replace(settings, regression=regression, contrast=None, best_by="last"),
        ).item()

    assert joint(Regression(weight=0.5), 4) == pytest.approx((classes + 0.5 * apart).item())
    assert joint(Regression(weight=None), 0) == pytest.approx(apart.item())

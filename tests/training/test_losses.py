import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from training.losses import (
    balanced_weights,
    classification_loss,
    joint_loss,
    supervised_contrastive,
)
from training.train_settings import Objective

PLAIN = Objective(name="cross_entropy", label_smoothing=0.0, class_weights="none")
AXES = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
OBLIQUE = torch.tensor([[0.6, 0.8], [0.8, 0.6], [-0.6, 0.8], [0, 1]])


def contrast(z, labels, temperature=1.0, empty="skip"):
    return supervised_contrastive(z, torch.tensor(labels), temperature, empty).item()


@pytest.mark.parametrize(
    ("labels", "over_valid", "over_all"),
    [
        ([0, 0, 1, 1], 0.551445, 0.551445),
        ([0, 1, 0, 1], 1.551445, 1.551445),
        ([0, 0, 0, 1], 1.218111, 0.913584),
    ],
)
def test_unit_axes_by_hand(labels, over_valid, over_all):
    assert contrast(AXES, labels) == pytest.approx(over_valid, abs=1e-6)
    assert contrast(AXES, labels, empty="zero") == pytest.approx(over_all, abs=1e-6)


@pytest.mark.parametrize(
    ("temperature", "expected"), [(1.0, 0.835475), (0.5, 0.649763), (0.07, 0.206200)]
)
def test_oblique_features_by_hand(temperature, expected):
    assert contrast(OBLIQUE, [0, 0, 1, 1], temperature) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("z", "labels", "each"),
    [
        (AXES, [0, 0, 1, 1], [0.551445] * 4),
        (AXES, [0, 1, 0, 1], [1.551445] * 4),
        (AXES, [0, 0, 0, 1], [1.051445, 1.051445, 1.551445]),  # the fourth has no positive
        (OBLIQUE, [0, 0, 1, 1], [0.858136, 0.732641, 0.714835, 1.036287]),
    ],
)
def test_each_anchor_by_hand(z, labels, each):
    labels = torch.tensor(labels)
    for i, expected in enumerate(each):
        others = torch.arange(4) != i
        anchor = (z[i : i + 1], labels[i : i + 1])
        loss = supervised_contrastive(*anchor, 1.0, contrasts=(z[others], labels[others]))
        assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_the_loss_of_a_batch_is_the_mean_over_the_anchors_that_have_a_positive():
    z = F.normalize(torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 2])  # each class of another size
    each = []
    for i in range(7):
        others = torch.arange(8) != i
        anchor = (z[i : i + 1], labels[i : i + 1])
        rest = (z[others], labels[others])
        each.append(supervised_contrastive(*anchor, 0.5, contrasts=rest).item())
    assert contrast(z, labels.tolist(), 0.5) == pytest.approx(sum(each) / 7, abs=1e-6)


@pytest.mark.parametrize(
    ("classes", "n", "low"), [(4, 64, 4.732777), (6, 64, 5.071305), (2, 2, 0.239545)]
)
def test_simplex_corners_reach_the_lower_bound_and_one_point_the_upper(classes, n, low):
    corners = torch.eye(classes) - 1 / classes
    labels = torch.arange(classes).repeat(n)
    z = F.normalize(corners, dim=1)[labels]
    assert contrast(z, labels.tolist()) == pytest.approx(low, abs=1e-5)
    collapsed = z[:1].expand(len(labels), -1)
    high = math.log(classes * n - 1)
    assert contrast(collapsed, labels.tolist()) == pytest.approx(high, abs=1e-5)


@given(st.integers(0, 2**16), st.lists(st.integers(0, 3), min_size=2, max_size=9))
def test_rotation_order_and_names_of_classes_do_not_matter(seed, labels):
    generator = torch.Generator().manual_seed(seed)
    z = F.normalize(torch.randn(len(labels), 5, generator=generator, dtype=torch.float64), dim=1)
    rotation, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator, dtype=torch.float64))
    order = torch.randperm(len(labels), generator=generator)
    renamed = [3 - labels[i] for i in order]
    assert contrast(z, labels) == pytest.approx(contrast((z @ rotation)[order], renamed))


@pytest.mark.parametrize("labels", [[0], [0, 1, 2]])
def test_without_positives_the_loss_is_zero_and_still_has_a_graph(labels):
    z = F.normalize(torch.randn(len(labels), 3), dim=1).requires_grad_()
    loss = supervised_contrastive(z, torch.tensor(labels), 1.0)
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(z.grad, torch.zeros_like(z))


LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 1.0], [0.0, -3.0, 1.0], [1.0, 1.0, 1.0]])
TARGETS = torch.tensor([0, 2, 1, 0])


def classified(targets=None, weights=None, **changes):
    targets = F.one_hot(TARGETS, 3).float() if targets is None else targets
    return classification_loss(LOGITS, targets, replace(PLAIN, **changes), weights)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 3.0, 1.0])])
def test_cross_entropy_smoothed_and_weighted_is_torchs(smoothing, weights):
    for name, reduction in (("cross_entropy", "mean"), ("cross_entropy_sum", "sum")):
        expected = F.cross_entropy(
            LOGITS, TARGETS, weights, label_smoothing=smoothing, reduction=reduction
        )
        found = classified(None, weights, name=name, label_smoothing=smoothing)
        assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_a_mixed_target_is_the_mixture_of_losses():
    first, second = (F.one_hot(t, 3).float() for t in (TARGETS, TARGETS.roll(1)))
    mixed = classified(0.7 * first + 0.3 * second)
    expected = 0.7 * classified(first) + 0.3 * classified(second)
    assert mixed.item() == pytest.approx(expected.item(), abs=1e-6)


def test_a_sigmoid_of_nothing_is_ln_2_whatever_the_class():
    for label in range(4):
        targets = F.one_hot(torch.tensor([label]), 4).float()
        sigmoid = replace(PLAIN, name="sigmoid")
        found = classification_loss(torch.zeros(1, 4), targets, sigmoid)
        assert found.item() == pytest.approx(math.log(2), abs=1e-6)


def test_a_sigmoid_is_a_mean_over_classes_and_samples():
    targets = F.one_hot(TARGETS, 3).float()
    expected = F.binary_cross_entropy_with_logits(LOGITS, targets)
    assert classified(name="sigmoid").item() == pytest.approx(expected.item(), abs=1e-6)
    alone = F.binary_cross_entropy_with_logits(LOGITS[2], targets[2])
    found = classified(None, torch.tensor([0.0, 1.0, 0.0]), name="sigmoid")
    assert found.item() == pytest.approx(alone.item(), abs=1e-6)


def test_balanced_weights_make_every_class_weigh_the_same():
    labels = np.array([0, 0, 0, 2, 2, 3])
    weights = balanced_weights(labels, 4)
    assert weights[1] == 0
    shares = np.bincount(labels, weights=weights[labels].numpy(), minlength=4)
    assert shares == pytest.approx([2.0, 0.0, 2.0, 2.0])
    assert weights[labels].mean().item() == pytest.approx(1.0)


def test_gradients_are_finite_at_a_low_temperature():
    z = OBLIQUE.clone().requires_grad_()
    supervised_contrastive(z, torch.tensor([0, 0, 0, 1]), 0.01).backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize(
    ("alpha", "expected"), [(0.0, 0.126928), (0.1, 0.165520), (1.0, 0.339186), (100.0, 0.547242)]
)
def test_the_joint_loss_is_a_weighted_mean(alpha, expected):
    logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0]])
    labels = torch.tensor([0, 0, 1, 1])
    cross_entropy = classification_loss(logits, F.one_hot(labels).float(), PLAIN)
    loss = joint_loss(cross_entropy, supervised_contrastive(AXES, labels, 1.0), alpha)
    assert loss.item() == pytest.approx(expected, abs=1e-6)

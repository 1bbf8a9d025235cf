import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from training.losses import classification_loss, joint_loss, supervised_contrastive
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


@pytest.mark.parametrize(("classes", "n", "low"), [(4, 64, 4.732777), (6, 64, 5.071305)])
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

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from training.schedule import clip_gradient, make_optimiser, rate
from training.train_settings import Optimiser

STEPS = 100
PLAIN = Optimiser("adam", 0.1, 0.0, "constant", 0.0, None, None)


def rates(**changes):
    settings = replace(PLAIN, **changes)
    return [rate(settings, step, STEPS, halvings=0) for step in range(STEPS)]


def test_a_constant_rate_is_constant_and_halves_on_a_plateau():
    assert set(rates()) == {0.1}
    assert rate(replace(PLAIN, schedule="plateau"), 5, STEPS, halvings=2) == 0.025


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle", "plateau"])
def test_a_warm_up_rises_to_the_highest_rate(schedule):
    found = rates(schedule=schedule, warm_up=0.3)
    assert found[:30] == sorted(found[:30])
    assert found[29] == max(found) == pytest.approx(0.1)
    assert found[0] < 0.01


def test_a_cosine_falls_from_the_highest_rate_to_nothing():
    found = rates(schedule="cosine")
    assert found[0] == 0.1
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(0.0, abs=1e-12)
    assert found[33] == pytest.approx(0.1 * (1 + math.cos(math.pi / 3)) / 2)


def test_one_cycle_is_that_of_torch():
    parameter = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=0.1)
    one_cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=0.1, total_steps=STEPS, pct_start=0.3, cycle_momentum=False
    )
    expected = []
    for _ in range(STEPS):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        one_cycle.step()
    assert rates(schedule="one_cycle", warm_up=0.3) == pytest.approx(expected, abs=1e-9)


def test_a_single_step_has_a_rate():
    for schedule in ("constant", "cosine", "one_cycle", "plateau"):
        settings = replace(PLAIN, schedule=schedule, warm_up=0.3)
        assert 0 < rate(settings, 0, 1, halvings=0) <= 0.1


@pytest.mark.parametrize(("name", "expected"), [("adam", 1.0 - 0.1), ("adamw", 1.0 - 0.1 * 0.5)])
def test_adam_decays_through_the_gradient_and_adamw_apart_from_it(name, expected):
    # Without a gradient of its own Adam moves by its rate, whatever the decay; AdamW by their
    # product.
    parameter = nn.Parameter(torch.ones(1))
    parameter.grad = torch.zeros(1)
    make_optimiser([parameter], replace(PLAIN, name=name, weight_decay=0.5)).step()
    assert parameter.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("norm", "value", "expected"),
    [
        (None, None, [3.0, 4.0]),
        (1.0, None, [0.6, 0.8]),
        (None, 3.5, [3.0, 3.5]),
        (10.0, 1.0, [1.0, 1.0]),
    ],
)
def test_gradients_are_clipped_by_norm_or_by_value(norm, value, expected):
    model = nn.Linear(2, 1, bias=False)
    model.weight.grad = torch.tensor([[3.0, 4.0]])
    found = clip_gradient(model, replace(PLAIN, clip_norm=norm, clip_value=value))
    assert found == 5.0
    assert model.weight.grad[0].tolist() == pytest.approx(expected, abs=1e-5)

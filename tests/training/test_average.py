import copy

import pytest
import torch
from torch import nn

from training.average import Average


def walk(average, values):
    """Set a weight to each value, a step and an epoch each; the weights kept after the last."""
    model = nn.Linear(1, 1, bias=False)
    for value in values:
        with torch.no_grad():
            model.weight.fill_(value)
        average.step(model)
        kept = average.end_epoch(model)
    return kept["weight"].item()


def test_without_averaging_the_weights_are_kept_as_they_are():
    assert walk(Average(None, 1), [1.0, 5.0, 3.0]) == 3.0


def test_the_last_epochs_are_averaged():
    assert walk(Average(None, 2), [1.0, 5.0, 3.0]) == 4.0
    assert walk(Average(None, 9), [1.0, 5.0, 3.0]) == 3.0


def test_a_moving_average_keeps_little_of_the_start_then_its_share():
    # It keeps min(0.5, (1 + t) / (10 + t)) of itself: 1/10 at first, then 2/11.
    first = 8.0
    second = 2 / 11 * first + 9 / 11 * 4.0
    assert walk(Average(0.5, 1), [8.0, 4.0]) == pytest.approx(second)
    assert walk(Average(0.5, 1), [0.0] * 20 + [1.0]) == pytest.approx(0.5)


def test_what_is_kept_does_not_change_afterwards():
    average, model = Average(0.9, 1), nn.Linear(1, 1)
    average.step(model)
    kept = average.end_epoch(model)
    before = kept["weight"].clone()
    with torch.no_grad():
        model.weight.add_(1.0)
    average.step(model)
    assert torch.equal(kept["weight"], before)


def test_an_average_goes_on_from_its_state():
    whole, half = Average(0.9, 1), Average(0.9, 1)
    walk(whole, [1.0, 2.0])
    half.load_state_dict(copy.deepcopy(whole.state_dict()))
    assert walk(whole, [3.0]) == walk(half, [3.0])

import copy

import pytest
import torch
from torch import nn

from training.average import Average, clone_state


def walk(average, values):
    """Set a weight to each value, a step and an epoch each; the weights kept after each."""
    model = nn.Linear(1, 1, bias=False)
    kept = []
    for value in values:
        with torch.no_grad():
            model.weight.fill_(value)
        average.step(model)
        kept.append(average.end_epoch(model)["weight"].item())
    return kept


def test_without_averaging_the_weights_are_kept_as_they_are():
    assert walk(Average(None, 1, 3), [1.0, 5.0, 3.0]) == [1.0, 5.0, 3.0]


def test_the_last_epochs_are_averaged_and_those_before_are_as_they_are():
    assert walk(Average(None, 2, 4), [7.0, 1.0, 5.0, 3.0]) == [7.0, 1.0, 5.0, 4.0]
    assert walk(Average(None, 3, 4), [7.0, 1.0, 5.0, 3.0]) == [7.0, 1.0, 3.0, 3.0]


def test_more_epochs_than_there_are_is_all_of_them():
    assert walk(Average(None, 9, 3), [1.0, 5.0, 3.0]) == [1.0, 3.0, 3.0]


def test_after_the_last_epoch_it_is_the_mean_of_so_many_to_rounding():
    torch.manual_seed(0)
    average, seen = Average(None, 20, 40), []
    for _ in range(40):
        model = nn.Linear(50, 40)
        kept = average.end_epoch(model)
        seen.append(clone_state(model))
    for name, value in kept.items():
        exact = torch.stack([state[name].double() for state in seen[-20:]]).mean(dim=0)
        assert torch.allclose(value.double(), exact, rtol=0, atol=1e-7)  # of values up to 0.14


@pytest.mark.parametrize("ema", [None, 0.9])
def test_one_copy_of_the_weights_is_held_however_many_are_averaged(ema):
    average, model = Average(ema, 1 if ema else 20, 40), nn.Linear(3, 2)
    for _ in range(40):
        average.step(model)
        average.end_epoch(model)
    count, held = average.state_dict().values()
    assert count == 40
    assert {name: x.shape for name, x in held.items()} == {
        name: x.shape for name, x in model.state_dict().items()
    }


def test_a_moving_average_keeps_little_of_the_start_then_its_share():
    # It keeps min(0.5, (1 + t) / (10 + t)) of itself: 1/10 at first, then 2/11.
    first = 8.0
    second = 2 / 11 * first + 9 / 11 * 4.0
    assert walk(Average(0.5, 1, 2), [8.0, 4.0])[-1] == pytest.approx(second)
    assert walk(Average(0.5, 1, 21), [0.0] * 20 + [1.0])[-1] == pytest.approx(0.5)


@pytest.mark.parametrize("ema", [None, 0.9])
def test_what_is_kept_does_not_change_afterwards(ema):
    average, model = Average(ema, 1 if ema else 2, 2), nn.Linear(1, 1)
    average.step(model)
    kept = average.end_epoch(model)
    before = kept["weight"].clone()
    with torch.no_grad():
        model.weight.add_(1.0)
    average.step(model)
    average.end_epoch(model)
    assert torch.equal(kept["weight"], before)


@pytest.mark.parametrize(("ema", "last"), [(0.9, 1), (None, 3), (None, 2)])
def test_an_average_goes_on_from_its_state(ema, last):
    whole, half = Average(ema, last, 4), Average(ema, last, 4)
    walk(whole, [1.0, 2.1])
    half.load_state_dict(copy.deepcopy(whole.state_dict()))
    assert walk(whole, [3.3, 0.7]) == walk(half, [3.3, 0.7])

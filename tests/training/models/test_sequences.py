import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.models.cme import mean_and_max
from training.models.norm import MaskedBatchNorm
from training.models.recurrent import reverse
from training.models.sequences import (
    average_groups,
    blank,
    fit_length,
    length_mask,
    make_stream,
    masked_mean,
    pool_to,
    ranges,
    resample,
)


def stream_of(*sequences):
    """A stream of one-feature sequences, padded with 99."""
    longest = max(map(len, sequences))
    values = [[*s, *[99.0] * (longest - len(s))] for s in sequences]
    return make_stream(torch.tensor(values)[..., None], torch.tensor([len(s) for s in sequences]))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ([1.0, 3.0], [1.0, 1.5, 2.5, 3.0]),
        ([1.0, 2.0, 4.0], [1.25, 3.5]),
        ([7.0], [7.0, 7.0, 7.0]),
        ([1.0, 5.0, 2.0], [1.0, 5.0, 2.0]),
    ],
)
def test_resample_gives_the_numbers_worked_out_by_hand(source, expected):
    n = len(expected)
    out = resample(stream_of(source), torch.tensor([n]), n)
    assert out[0, :, 0].tolist() == expected


def test_each_sequence_is_resampled_over_its_own_length_and_zero_after_it():
    out = resample(stream_of([1.0, 3.0], [7.0]), torch.tensor([4, 3]), 5)
    assert out[..., 0].tolist() == [[1.0, 1.5, 2.5, 3.0, 0.0], [7.0, 7.0, 7.0, 0.0, 0.0]]


@given(st.integers(1, 30), st.integers(1, 30))
def test_resampling_and_pooling_keep_a_constant(old, new):
    stream = stream_of([2.5] * old)
    for change in (resample, pool_to):
        assert torch.allclose(change(stream, torch.tensor([new]), new), torch.tensor(2.5))


def test_pooling_averages_the_frames_of_each_word():
    out = pool_to(stream_of([1.0, 3.0, 5.0, 7.0], [4.0, 8.0]), torch.tensor([2, 1]), 2)
    assert out[..., 0].tolist() == [[2.0, 6.0], [6.0, 0.0]]


def test_pooling_to_more_steps_repeats():
    out = pool_to(stream_of([1.0, 3.0]), torch.tensor([4]), 4)
    assert out[0, :, 0].tolist() == [1.0, 1.0, 3.0, 3.0]


def test_masked_mean_ignores_what_lies_beyond_the_length():
    x = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]])
    assert masked_mean(make_stream(x, torch.tensor([2]))).tolist() == [[2.0, 3.0]]


def test_blank_removes_even_nan():
    x = torch.tensor([[[1.0], [float("nan")]]])
    assert blank(x, length_mask(torch.tensor([1]), 2, "cpu")).flatten().tolist() == [1.0, 0.0]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_fit_length_cuts_or_pads_with_zeros(size):
    out = fit_length(stream_of([1.0, 2.0], [3.0]), size)
    padded = torch.tensor([[1.0, 2.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0]])
    assert torch.equal(out.values[..., 0], padded[:, :size])
    assert out.lengths.tolist() == [min(2, size), 1]


@given(st.integers(1, 9), st.data())
def test_ranges_are_the_places_of_valid_steps(size, data):
    lengths = torch.tensor(data.draw(st.lists(st.integers(1, size), min_size=1, max_size=5)))
    expected = length_mask(lengths, size, "cpu").flatten().nonzero()[:, 0]
    assert torch.equal(ranges(torch.arange(len(lengths)) * size, lengths, "cpu"), expected)


@pytest.mark.parametrize(
    "work",
    [
        lambda x, lengths: MaskedBatchNorm(3).to("meta")(x, lengths),
        lambda x, lengths: reverse(x, lengths),
        lambda x, lengths: average_groups(make_stream(x, lengths), 2),
        lambda x, lengths: mean_and_max(x, torch.stack([0 * lengths, lengths], 1)[:, None]),
    ],
    ids=["norm", "reverse", "average", "spans"],
)
def test_a_number_or_two_of_each_sequence_go_to_the_device_and_not_one_of_each_step(
    work, monkeypatch
):
    moved, move = [], torch.Tensor.to

    def to(x, *args, **kwargs):
        there = move(x, *args, **kwargs)
        moved.extend([x.numel()] * (x.device != there.device))
        return there

    lengths = torch.tensor([50, 2, 1, 5])
    monkeypatch.setattr(torch.Tensor, "to", to)
    work(torch.empty(4, 50, 3, device="meta"), lengths)
    assert max(moved) == len(lengths)

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.models.sequences import (
    blank,
    fit_length,
    length_mask,
    make_stream,
    masked_mean,
    pool_to,
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

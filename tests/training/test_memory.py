from dataclasses import replace

import pytest
import torch

from training.cache import open_cache
from training.jobs import plan
from training.memory import explain_memory, largest_that_fits
from training.models.vcemo import Vcemo
from training.recycled import Recycled
from training.train import train_fold


def limited(limit, asked=None, error=torch.OutOfMemoryError):
    """Work that a memory for `limit` rows holds."""

    def work(size):
        if asked is not None:
            asked.append(size)
        if size > limit:
            raise error("CUDA out of memory")

    return work


@pytest.mark.parametrize("limit", [1, 2, 3, 100, 127, 128, 254, 255])
def test_the_largest_batch_that_fits_is_found_in_few_trials(limit):
    asked = []
    found = largest_that_fits(limited(limit, asked), 256)
    assert found == (limit if limit >= 2 else 0)
    assert len(asked) <= 8


def test_too_little_memory_names_the_largest_batch_that_fits():
    message = r"the memory of the GPU does not hold a batch of 256: the largest that fits is .* 90,"
    with pytest.raises(ValueError, match=message), explain_memory(256, limited(90)):
        limited(90)(256)
    with pytest.raises(ValueError, match="nor the smallest"), explain_memory(256, limited(0)):
        limited(0)(256)


def test_memory_that_numpy_or_python_lacks_is_explained_as_well():
    work = limited(90, error=MemoryError)
    message = r"the memory here does not hold a batch of 256: the largest that fits is .* 90,"
    with pytest.raises(ValueError, match=message), explain_memory(256, work):
        Recycled()((2**52,), torch.float32)


def test_where_nothing_can_be_tried_half_is_advised():
    message = "does not hold a batch of 256: try training.batch_size 128"
    with pytest.raises(ValueError, match=f"the memory of the GPU {message}"), explain_memory(256):
        limited(9)(256)
    with pytest.raises(ValueError, match=f"the memory here {message}"), explain_memory(256):
        torch.empty(2**52)


def test_what_a_failed_step_held_is_given_back_before_the_trial():
    held = []

    def step():
        activations = torch.ones(1000)
        held.append(activations.untyped_storage()._weak_ref())
        limited(0)(activations.numel())

    def trial(_):
        assert torch.UntypedStorage._new_with_weak_ptr(held[0]) is None

    with pytest.raises(ValueError, match=r"is training\.batch_size 7"), explain_memory(8, trial):
        step()


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shape"), explain_memory(256):
        torch.zeros(2, 3) @ torch.zeros(2, 3)


def test_a_run_that_is_short_of_memory_says_which_batch_it_holds(
    cache_dir, run_settings, tmp_path, monkeypatch
):
    plain = Vcemo.forward

    def forward(model, batch):
        limited(5)(len(batch.label))  # a GPU's allocator, as far as a CPU can have one
        return plain(model, batch)

    monkeypatch.setattr(Vcemo, "forward", forward)
    job = plan(run_settings, open_cache(cache_dir), tmp_path, torch.device("cpu"))[0]
    message = "does not hold a batch of 8: the largest that fits is training.batch_size 5"
    with pytest.raises(ValueError, match=message):
        train_fold(job, lambda _: None)
    fitting = replace(run_settings, training=replace(run_settings.training, batch_size=5))
    train_fold(plan(fitting, open_cache(cache_dir), tmp_path, torch.device("cpu"))[0], print)

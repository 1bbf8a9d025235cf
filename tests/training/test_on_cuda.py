"""A fold is trained and answers on a GPU: a real one where there is one, else a simulated one."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from tests.training.simulated_cuda import simulated_cuda
from training import feed
from training.cache import open_cache
from training.data import open_features
from training.device import choose_device
from training.ensemble import answer
from training.jobs import ensembles, plan
from training.models import BASELINES
from training.train import train_fold
from training.train_settings import Contrast, Moco, Regression, SpecAugment

REAL = torch.cuda.is_available()
cuda = nullcontext if REAL else simulated_cuda
AUGMENTED = {
    "spec_augment": SpecAugment(1, 5, 1, 2),
    "mixup": 0.3,
    "modality_dropout": 0.3,
    "text_dropout": 0.2,
}
CHANGES = {
    "queue": {"contrast": Contrast(0.1, 1.0, "skip", Moco(queue=20, momentum=0.9))},
    "pairs": {"view_pairs": True, "ema": 0.9},
    "passes": {"double_view": True, **AUGMENTED},
    "ratings": {"normalisation": "speaker", "regression": Regression(weight=1.0)},
}


def train_and_answer(run, cache_dir, out, device="cuda"):
    """Train one network for an epoch and let it answer to its test part; the score."""
    run = replace(run, training=replace(run.training, epochs=1, batch_size=16))
    cache = open_cache(cache_dir)
    job = plan(run, cache, out, choose_device(device))[0]
    seen = []
    train_fold(job, seen.append)
    (result,) = answer(ensembles([job])[0], open_features(cache, run), ("test",))
    assert len(result.rows) == 24
    return seen[-1].score


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_vcemo_is_trained_and_answers(changes, run_settings, cache_dir, tmp_path):
    with cuda():
        run = replace(run_settings, training=replace(run_settings.training, **changes))
        train_and_answer(run, cache_dir, tmp_path)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_trained_and_answers(name, baseline_runs, cache_dir, tmp_path):
    with cuda():
        train_and_answer(baseline_runs[name], cache_dir, tmp_path)


def test_features_that_do_not_fit_on_the_gpu_are_gathered_ahead(
    run_settings, cache_dir, tmp_path, monkeypatch
):
    counted, ahead = [], feed._ahead
    monkeypatch.setattr(feed, "FREE_SHARE", 0.0)
    monkeypatch.setattr(feed, "_ahead", lambda *given: counted.append(1) or ahead(*given))
    with cuda():
        train_and_answer(run_settings, cache_dir, tmp_path)
    assert len(counted) == 3  # for training, its validation, and the answers


def test_in_float32_a_gpu_learns_what_a_cpu_does(run_settings, cache_dir, tmp_path):
    training = replace(run_settings.training, precision="float32")
    model = replace(run_settings.model, dropout=0.0)
    run = replace(run_settings, model=model, training=training)
    expected = train_and_answer(run, cache_dir, tmp_path / "cpu", "cpu")
    with cuda():
        found = train_and_answer(run, cache_dir, tmp_path / "cuda")
    for name in ("train_loss", "val_loss"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=5e-3), name


def test_the_device_has_the_manners_of_cuda():
    with cuda():
        there, here = torch.ones(2).to("cuda"), torch.ones(2)
        assert str(there.device) == "cuda:0"
        assert (there + torch.tensor(1.0)).cpu().tolist() == [2.0, 2.0]
        assert there[torch.tensor([1])].cpu().tolist() == here[[1]].tolist()
        mixed = (lambda: there + here, lambda: torch.cat([there, here]), lambda: here[there.long()])
        for refused in (*mixed, there.pin_memory, there.numpy):
            with pytest.raises((RuntimeError, TypeError)):
                refused()

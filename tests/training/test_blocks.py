"""torch.compile, bfloat16 and padding to few sizes against the plain float32 path."""

import shutil
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from training.blocks import compile_blocks
from training.cache import open_cache
from training.checkpoint import describe_fold, untrained_model
from training.data import open_features
from training.fold import open_fold
from training.jobs import plan
from training.normalise import fit_normalisation
from training.train import train_fold, training_loss

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def run(run_settings):
    """Without dropout, whose masks a compiled block draws its own way."""
    return replace(run_settings, model=replace(run_settings.model, dropout=0.0))


def model_of(run, cache):
    torch.manual_seed(0)
    return untrained_model(describe_fold(run, cache, 0, 0)).train()


def steps(run, cache, features, mode=None, precision="float32"):
    """Losses and gradients of steps over batches of different sizes."""
    model = model_of(run, cache)
    compile_blocks(model, mode)
    rows = cache.rows("speaker", 0, "train")
    normalise = fit_normalisation(cache, rows, "train")
    settings = replace(run.training, precision=precision)
    found = []
    for part in (rows[:8], rows[8:14], rows[14:20]):
        batch = features.collate(part, normalise)
        model.zero_grad()
        loss = training_loss(model, batch, F.one_hot(batch.label, 4).float(), settings)
        loss.backward()
        slopes = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        found.append((loss.item(), slopes))
    return found


def agree(found, expected, tolerance, slope_tolerance):
    for (loss, slopes), (plain, plain_slopes) in zip(found, expected, strict=True):
        assert loss == pytest.approx(plain, abs=tolerance)
        assert (slopes - plain_slopes).norm() <= slope_tolerance * plain_slopes.norm()


@pytest.fixture(scope="module")
def plain(run, cache_dir):
    cache = open_cache(cache_dir)
    return steps(run, cache, open_features(cache, run))


@pytest.mark.slow  # a C++ compiler runs, for a minute and more
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on a CPU needs a compiler")
def test_compiled_blocks_give_the_losses_and_gradients_of_plain_ones(run, cache_dir):
    cache = open_cache(cache_dir)
    run = replace(run, modalities=("words", "bert"))
    features = open_features(cache, run)
    plain = steps(run, cache, features)
    agree(steps(run, cache, replace(features, few_sizes=True), "default"), plain, 1e-5, 1e-5)


def test_padding_to_few_sizes_changes_nothing(run, cache_dir, plain):
    cache = open_cache(cache_dir)
    features = replace(open_features(cache, run), few_sizes=True)
    agree(steps(run, cache, features), plain, 1e-5, 1e-5)
    rows = cache.rows("speaker", 0, "train")
    sizes = {features.collate(rows[i : i + 2], fit(cache, rows)).mel.shape[1] for i in range(9)}
    assert sizes <= {10, 12, 14, 16, 20, 24, 28, 32, 40}


def fit(cache, rows):
    return fit_normalisation(cache, rows, "train")


def test_bfloat16_gives_a_loss_and_what_a_small_step_does_to_it_to_2e_2(run, cache_dir, plain):
    """Along the gradient of float32 that of bfloat16 is as long to 2e-2, so that a small step
    lowers the loss as much. As a whole it is not: roundings of single weights add up to a tenth.
    """
    cache = open_cache(cache_dir)
    found = steps(run, cache, open_features(cache, run), precision="bfloat16")
    agree(found, plain, 2e-2, 1e-1)
    for (_, slopes), (_, exact) in zip(found, plain, strict=True):
        assert (slopes @ exact / (exact @ exact)).item() == pytest.approx(1, abs=2e-2)
    assert found[0][0] != plain[0][0]


def test_compiling_pads_to_few_sizes_and_keeps_the_names_of_weights(run, cache_dir, tmp_path):
    cache = open_cache(cache_dir)
    compiled = replace(run, training=replace(run.training, compile="default"))
    data = open_fold(plan(compiled, cache, tmp_path, CPU)[0])
    assert data.features.few_sizes
    model = model_of(run, cache)
    names = list(model.state_dict())
    compile_blocks(model, "default")  # only at the first pass something is compiled
    assert list(model.state_dict()) == names


def test_a_model_without_attention_blocks_is_refused(baseline_runs, cache_dir, tmp_path):
    run = baseline_runs["xu"]
    run = replace(run, training=replace(run.training, compile="default"))
    job = plan(run, open_cache(cache_dir), tmp_path, CPU)[0]
    with pytest.raises(ValueError, match=r"'default', but .* has no attention blocks"):
        train_fold(job, lambda _: None)

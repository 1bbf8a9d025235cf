"""A course that was killed goes on to the same bytes as one that was not."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from training.average import clone_state
from training.cache import open_cache
from training.checkpoint import describe_fold, untrained_model
from training.course import Course
from training.jobs import plan
from training.progress import EpochScore
from training.settings import to_json
from training.train import train_fold
from training.train_settings import Moco

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def eventful(run_settings):
    """A run in which everything that can change does: averages, queue, rate, mixing, patience."""
    training = run_settings.training
    training = replace(
        training,
        epochs=15,
        contrast=replace(training.contrast, moco=Moco(queue=20, momentum=0.9)),
        optimiser=replace(training.optimiser, lr=0.02, schedule="plateau"),
        ema=0.9,
        mixup=0.4,
        double_view=True,
        patience=50,
    )
    return replace(run_settings, modalities=("audio",), training=training)


def start(run, cache_dir, out):
    """Train in a process of its own."""
    run_file = out / "run.json"
    run_file.write_text(to_json(run))
    command = [sys.executable, "-m", "training", "train", "--device", "cpu", "--workers", "1"]
    command += ["--cache", str(cache_dir), "--run", str(run_file), "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT)


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("averaged", [{}, {"ema": None, "average_epochs": 15}])
def test_a_run_killed_on_its_way_goes_on_to_the_same_bytes(eventful, cache_dir, tmp_path, averaged):
    eventful = replace(eventful, training=replace(eventful.training, **averaged))
    process = start(eventful, cache_dir, tmp_path)
    broken = plan(eventful, open_cache(cache_dir), tmp_path / "folds", torch.device("cpu"))[0]
    deadline = time.monotonic() + 60
    while not broken.saved.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert broken.saved.exists()
    assert not broken.folder.exists()

    seen = []
    train_fold(broken, seen.append)
    whole = replace(broken, out_dir=tmp_path / "whole")
    train_fold(whole, lambda _: None)
    assert seen[0].score.epoch > 1  # it did go on
    assert contents(broken.folder) == contents(whole.folder)


def test_a_course_saved_after_every_epoch_leaves_nothing_behind(eventful, cache_dir, tmp_path):
    run = replace(eventful, training=replace(eventful.training, epochs=2))
    job = plan(run, open_cache(cache_dir), tmp_path, torch.device("cpu"))[0]
    found = []
    train_fold(job, lambda _: found.append(job.saved.is_file()))
    assert found[0]
    assert not job.saved.exists()


@pytest.fixture
def course(eventful, cache_dir):
    def make(**changes):
        model = untrained_model(describe_fold(eventful, open_cache(cache_dir), 0, 0))
        return Course(model, replace(eventful.training, **changes))

    return make


def scores(*val_was):
    return [EpochScore(i, 1.0, 1.0, wa, wa) for i, wa in enumerate(val_was, 1)]


def test_a_plateau_goes_back_to_the_best_weights_twice_then_counts_its_patience(course):
    going = course(patience=2, ema=None)
    states = []
    for score in scores(0.5, 0.4, 0.3, 0.3, 0.6, 0.2, 0.2):
        assert not going.over
        with torch.no_grad():
            going.model.predictor.bias += 1.0
        going.kept.load_state_dict(going.average.end_epoch(going.model))
        states.append(clone_state(going.kept))
        going.judge(score)
        now = going.model.state_dict()["predictor.bias"]
        back_to = {2: 0, 3: 0}.get(score.epoch, score.epoch - 1)  # of the states so far
        assert torch.equal(now, states[back_to]["predictor.bias"])
    assert going.halvings == 2
    assert going.over
    assert going.best_epoch == 5
    assert torch.equal(going.best_state["predictor.bias"], states[4]["predictor.bias"])


def test_patience_counts_epochs_since_the_best(course):
    constant = replace(course().settings.optimiser, schedule="constant")
    going = course(patience=2, optimiser=constant)
    for score in scores(0.5, 0.5, 0.6, 0.6):
        going.judge(score)
        assert not going.over
    going.judge(scores(*[0.6] * 5)[-1])
    assert going.over


def test_the_last_epoch_is_kept_if_so_asked(course):
    going = course(best_by="last", patience=None)
    for score in scores(0.9, 0.1):
        going.judge(score)
    assert going.best_epoch == 2


@pytest.mark.parametrize(
    "other", [{"device": "cuda"}, {"layout": 0, "model": None}, {"layout": None, "counts": None}]
)
def test_what_another_device_or_another_version_left_is_not_continued(course, tmp_path, other):
    path = tmp_path / "course"
    going = course()
    going.judge(scores(0.5)[0])
    going.save(path)
    state = {**torch.load(path, weights_only=True), **other}
    torch.save({name: value for name, value in state.items() if value is not None}, path)
    other = course()
    other.resume(path)
    assert other.history == []


def test_saving_soon_again_is_put_off(course, tmp_path, monkeypatch):
    path = tmp_path / "course"
    going = course()
    going.save(path)
    before = path.stat().st_mtime_ns
    monkeypatch.setattr("training.course.time.monotonic", lambda: going._next_save - 1e-6)
    going.save(path)
    assert path.stat().st_mtime_ns == before
    monkeypatch.setattr("training.course.time.monotonic", lambda: going._next_save)
    going.save(path)
    assert path.stat().st_mtime_ns > before


def test_the_course_is_read_without_running_code_from_the_file(course, tmp_path):
    # `weights_only` refuses anything but tensors and plain values: all of it must be that.
    path = tmp_path / "course"
    going = course()
    for score in scores(0.5, 0.6):
        going.judge(score)
    going.save(path)
    other = course()
    other.resume(path)
    assert other.history == going.history
    assert (other.best_epoch, other.stale) == (2, 0)


def test_copies_of_lstms_are_laid_out_for_the_device_like_the_network(course, monkeypatch):
    laid_out = []
    flatten = nn.RNNBase.flatten_parameters
    monkeypatch.setattr(
        nn.RNNBase, "flatten_parameters", lambda lstm: laid_out.append(id(lstm)) or flatten(lstm)
    )
    going = course()
    copies = [*going.kept.modules(), *going.moco.encoder.modules()]
    lstms = {id(m) for m in copies if isinstance(m, nn.RNNBase)}
    assert lstms
    assert lstms <= set(laid_out)

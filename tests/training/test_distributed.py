"""Two processes under torchrun train what one trains: the joint batch decides."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from training.settings import to_json
from training.train_settings import Contrast, Moco, Regression

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
pytestmark = pytest.mark.slow


@pytest.fixture
def run(run_settings):
    """Nothing that each process draws for itself: no dropout, no masks."""
    contrast = Contrast(alpha=1.0, temperature=0.5, empty="skip", moco=None)
    training = replace(run_settings.training, batch_size=7, contrast=contrast, spec_augment=None)
    model = replace(run_settings.model, dropout=0.0)
    return replace(run_settings, model=model, training=training)


def command(run, cache_dir, out, *, processes, part="all"):
    out.mkdir(exist_ok=True)
    (out / "run.json").write_text(to_json(run))
    files = ["--cache", cache_dir, "--run", out / "run.json", "--out", out, "--device", "cpu"]
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    several = [*several, "-m", "--"]  # or torchrun takes our --run for an option of its own
    start = several if processes > 1 else ["-m"]
    return [sys.executable, *start, "training", part, *map(str, files)]


def train(*arguments, **options):
    line = command(*arguments, **options)
    done = subprocess.run(
        line, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture
def unused_tcp_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def history(out):
    with next((out / "folds").glob("0-0-*/history.csv")).open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def scores(out):
    return json.loads((out / "metrics.json").read_text())["pooled"]


def wait_for(folder, pattern):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for path in folder.glob(pattern) if folder.exists() else ():
            return path
        time.sleep(0.02)
    raise AssertionError(f"no {pattern} in {folder}")


@pytest.mark.parametrize(
    ("moco", "regression"), [(None, Regression(weight=1.0)), (Moco(queue=32, momentum=0.9), None)]
)
def test_two_processes_give_the_losses_of_one_with_the_joint_batch(
    run, cache_dir, tmp_path, moco, regression
):
    """Concordance too is that of the joint batch, and not the mean of two."""
    contrast = replace(run.training.contrast, moco=moco)
    training = replace(run.training, contrast=contrast, regression=regression)
    run = replace(run, training=training)
    one, two = tmp_path / "one", tmp_path / "two"
    train(run, cache_dir, one, processes=1)
    train(run, cache_dir, two, processes=2)
    for alone, together in zip(history(one), history(two), strict=True):
        assert together == pytest.approx(alone, rel=1e-4, abs=1e-5)
    assert scores(two) == pytest.approx(scores(one))
    lines = [len((out / "speed.csv").read_text().splitlines()) for out in (one, two)]
    assert lines[0] == lines[1]  # one writer


def test_a_run_goes_on_with_another_number_of_processes(run, cache_dir, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run = replace(run, training=replace(run.training, epochs=6))
    train(run, cache_dir, whole, processes=1)
    line = command(run, cache_dir, broken, processes=2, part="train")
    child = subprocess.Popen(line, cwd=ROOT, env=ENVIRONMENT, start_new_session=True)
    saved = wait_for(broken / "folds", ".tmp-[0-9]*.course")
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert saved.exists()
    train(run, cache_dir, broken, processes=1)
    for alone, resumed in zip(history(whole), history(broken), strict=True):
        assert resumed == pytest.approx(alone, rel=1e-4, abs=1e-5)


def test_when_a_process_dies_torchrun_stops_the_others_and_says_which(run, cache_dir, tmp_path):
    out = tmp_path / "out"
    run = replace(run, training=replace(run.training, epochs=100_000, patience=None))
    line = command(run, cache_dir, out, processes=2, part="train")
    child = subprocess.Popen(line, cwd=ROOT, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    wait_for(out / "folds", ".tmp-[0-9]*.course")
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    _, told = child.communicate(timeout=60)
    assert child.returncode != 0
    assert "SIGKILL" in told
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_where_nobody_watches_a_process_stops_by_itself_when_another_dies(
    run, cache_dir, tmp_path, unused_tcp_port
):
    out = tmp_path / "out"
    run = replace(run, training=replace(run.training, epochs=100_000, patience=None))
    line = command(run, cache_dir, out, processes=1, part="train")
    names = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(unused_tcp_port), "WORLD_SIZE": "2"}
    pair = []
    for number in ("0", "1"):
        own = ENVIRONMENT | names | {"RANK": number, "LOCAL_RANK": number}
        pair.append(subprocess.Popen(line, cwd=ROOT, env=own, stderr=subprocess.PIPE, text=True))
    wait_for(out / "folds", ".tmp-[0-9]*.course")
    pair[1].kill()
    _, told = pair[0].communicate(timeout=60)
    pair[1].communicate()
    assert pair[0].returncode == 1
    assert "error: process 0 of 2 stops, as another one ended" in told

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file, save_file

from training.cache import open_cache
from training.checkpoint import describe_fold, load_fold, untrained_model
from training.data import fit_normalisation, open_features
from training.device import choose_device, own_chance
from training.jobs import fold_key
from training.settings import to_json
from training.train import train_run, training_loss

ROOT = Path(__file__).parents[2]


def contents(folder):
    """Every file's bytes below a folder, by name."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def short(run_settings):
    """Two epochs."""
    return replace(run_settings, training=replace(run_settings.training, epochs=2))


@pytest.fixture(scope="module")
def trained(short, cache_dir, tmp_path_factory):
    """The short run, trained in this process."""
    out = tmp_path_factory.mktemp("trained")
    train_run(short, cache_dir, out, device="cpu")
    return out


def test_two_processes_give_the_same_bytes_as_one_and_report_every_epoch(
    short, cache_dir, trained, tmp_path
):
    seen = []
    train_run(short, cache_dir, tmp_path, device="cpu", workers=2, progress=seen.append)
    assert contents(tmp_path) == contents(trained)
    assert sorted((p.fold, p.score.epoch) for p in seen) == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_what_is_trained_is_not_trained_again(short, cache_dir, trained):
    before = {p: p.stat().st_mtime_ns for p in trained.rglob("*")}
    seen = []
    folders = train_run(replace(short, name="renamed"), cache_dir, trained, progress=seen.append)
    assert seen == []
    assert {p: p.stat().st_mtime_ns for p in trained.rglob("*")} == before
    assert sorted(folders) == sorted(trained.iterdir())


def test_a_new_seed_trains_that_seed_alone_and_a_changed_setting_replaces_all(
    short, cache_dir, tmp_path
):
    one = replace(short, modalities=("bert",))
    first = set(train_run(one, cache_dir, tmp_path, device="cpu"))
    seen = []
    both = train_run(
        replace(one, seeds=(0, 7)), cache_dir, tmp_path, device="cpu", progress=seen.append
    )
    assert {p.seed for p in seen} == {7}
    assert first < set(both)
    (tmp_path / ".tmp-left-by-a-killed-run").mkdir()
    (tmp_path / "notes").mkdir()
    other = replace(one, training=replace(one.training, lr=2e-3))
    after = train_run(other, cache_dir, tmp_path, device="cpu")
    assert not first & set(after)
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in after} | {"notes"}


def test_chance_and_threads_of_the_caller_are_left_alone(short, cache_dir, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    train_run(replace(short, modalities=("bert",)), cache_dir, tmp_path, device="cpu")
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_the_best_epoch_is_by_accuracy_then_loss_then_first(trained):
    for folder in trained.iterdir():
        record = json.loads((folder / "fold.json").read_text())
        with (folder / "history.csv").open() as file:
            epochs = list(csv.DictReader(file))
        best = max(epochs, key=lambda e: (float(e["val_wa"]), -float(e["val_loss"])))
        assert record["best_epoch"] == int(best["epoch"])
        assert record["precision"] == "float32"


def test_patience_stops_a_run_that_gets_no_better(short, cache_dir, tmp_path):
    training = replace(short.training, epochs=40, lr=1e-12, patience=2)
    run = replace(short, modalities=("bert",), training=training, seeds=(1,))
    for folder in train_run(run, cache_dir, tmp_path, device="cpu"):
        lines = (folder / "history.csv").read_text().splitlines()[1:]
        best = json.loads((folder / "fold.json").read_text())["best_epoch"]
        assert len(lines) == min(best + 2, 40)


def test_a_checkpoint_is_enough_to_predict(trained, cache_dir):
    folder = sorted(trained.iterdir())[0]
    fold = load_fold(folder)
    meta = open_cache(cache_dir).meta
    assert fold.record["classes"] == meta["classes"]
    assert fold.record["features"] == meta["features"]
    assert fold.normalise.mean.shape == (8,)
    assert not fold.model.training
    with pytest.raises(ValueError, match="train the run first"):
        load_fold(folder / "nowhere")


def test_training_learns_what_can_be_learned(short, cache_dir, tmp_path):
    run = replace(short, training=replace(short.training, epochs=12, lr=3e-3, views=("noise",)))
    for folder in train_run(run, cache_dir, tmp_path, device="cpu"):
        assert json.loads((folder / "fold.json").read_text())["val_wa"] >= 0.75


def test_features_that_are_not_finite_stop_training_and_name_the_utterances(
    short, make_cache, rewrite_meta, tmp_path
):
    folder = make_cache()
    path = folder / "bert-reference.safetensors"
    bert = load_file(path)
    cache = open_cache(folder)
    bert["first"][cache.utterance[cache.rows("speaker", 0, "train")[3]]] = float("inf")
    save_file(bert, path)
    rewrite_meta(folder)
    with pytest.raises(ValueError, match=r"fold 0, seed 0, epoch 1: the loss is nan.*demo/u00"):
        train_run(short, folder, tmp_path / "out", device="cpu")
    with pytest.raises(ValueError, match=r"epoch 1: the loss is nan"):
        train_run(short, folder, tmp_path / "out", device="cpu", workers=2)
    assert not [p for p in (tmp_path / "out").glob("*") if p.name[0] == "0"]


def test_double_view_sees_each_batch_under_two_masks(short, cache_dir):
    cache = open_cache(cache_dir)
    rows = cache.rows("speaker", 0, "train")[:8]
    batch = open_features(cache, short).collate(rows, fit_normalisation(cache, rows))
    model = untrained_model(describe_fold(short, cache, 0, 0))
    assert not torch.allclose(model(batch).z, model(batch).z)
    single, double = (replace(short.training, double_view=v, alpha=0.0) for v in (False, True))
    model.eval()  # no dropout, fixed batch norm: both views agree, and so does their mean
    assert torch.allclose(training_loss(model, batch, single), training_loss(model, batch, double))


def test_devices_are_chosen_and_checked():
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="no device 'gpu'"):
        choose_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch finds no CUDA here"):
            choose_device("cuda")
    with own_chance(1):
        first = torch.rand(1)
    with own_chance(1):
        assert torch.equal(torch.rand(1), first)


def test_a_killed_run_leaves_no_half_result_and_no_worker(short, cache_dir, trained, tmp_path):
    run_file, out = tmp_path / "run.json", tmp_path / "out"
    slow = replace(short, training=replace(short.training, epochs=10_000))
    run_file.write_text(to_json(slow))
    command = [sys.executable, "-m", "training", "train", "--device", "cpu", "--workers", "2"]
    command += ["--cache", str(cache_dir), "--run", str(run_file), "--out", str(out)]
    parent = subprocess.Popen(command, cwd=ROOT)
    workers = []
    deadline = time.monotonic() + 60
    while len(workers) < 3 and time.monotonic() < deadline:  # the tracker of spawn and two workers
        time.sleep(0.2)
        workers = children_of(parent.pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 30
    while any(is_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not [pid for pid in workers if is_alive(pid)]
    assert not [p for p in (out / "folds").glob("*") if not p.name.startswith(".tmp-")]


def children_of(pid):
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.is_file() else []


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_what_a_run_does_not_read_does_not_train_it_again(short, cache_dir, tmp_path):
    run = replace(short, modalities=("audio",))
    other = tmp_path / "other"
    shutil.copytree(cache_dir, other)
    meta = json.loads((other / "meta.json").read_text())
    for name in ("words", "bert"):
        meta["files"][f"{name}-{run.source}.safetensors"] = "0" * 32
    meta["key"] = "another"
    meta["features"]["bert"] = {"max_tokens": 9}
    (other / "meta.json").write_text(json.dumps(meta))
    index = pq.read_table(other / "index.parquet")
    pq.write_table(index.append_column("another/0", index["utt_id"]), other / "index.parquet")
    before, after = open_cache(cache_dir), open_cache(other)
    assert fold_key(run, before, 0, 0) == fold_key(run, after, 0, 0)
    fused = replace(run, modalities=("audio", "words"))
    assert fold_key(fused, before, 0, 0) != fold_key(fused, after, 0, 0)
    meta["files"]["mel.safetensors"] = "0" * 32
    (other / "meta.json").write_text(json.dumps(meta))
    assert fold_key(run, before, 0, 0) != fold_key(run, open_cache(other), 0, 0)

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file, save_file

import training.runs
from training.cache import open_cache
from training.evaluate import evaluate_run
from training.model_settings import reads_word_ids
from training.runs import Wanted, train_run, train_runs
from training.settings import to_json

ROOT = Path(__file__).parents[2]


def train(run, cache_dir, out, workers=1, **options):
    """Train on the CPU, in this process unless told otherwise."""
    return train_run(run, cache_dir, out, device="cpu", workers=workers, **options)


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
    train(short, cache_dir, out)
    return out


def test_two_processes_give_the_same_bytes_as_one_and_report_every_epoch(
    short, cache_dir, trained, tmp_path
):
    seen = []
    train(short, cache_dir, tmp_path, workers=2, progress=seen.append)
    assert contents(tmp_path) == contents(trained)
    assert sorted((p.fold, p.score.epoch) for p in seen) == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_what_is_trained_is_not_trained_again(short, cache_dir, trained):
    before = {p: p.stat().st_mtime_ns for p in trained.rglob("*")}
    seen = []
    folders = train(replace(short, name="renamed"), cache_dir, trained, progress=seen.append)
    assert seen == []
    assert {p: p.stat().st_mtime_ns for p in trained.rglob("*")} == before
    assert sorted(folders) == sorted(trained.iterdir())


def test_a_new_seed_trains_that_seed_alone_and_a_changed_setting_replaces_all(
    short, cache_dir, tmp_path
):
    one = replace(short, modalities=("bert",))
    first = set(train(one, cache_dir, tmp_path))
    seen = []
    both = train(replace(one, seeds=(0, 7)), cache_dir, tmp_path, progress=seen.append)
    assert {p.network for p in seen} == {7}
    assert first < set(both)
    (tmp_path / ".tmp-left-by-a-killed-run").mkdir()
    (tmp_path / "notes").mkdir()
    other = replace(
        one, training=replace(one.training, optimiser=replace(one.training.optimiser, lr=2e-3))
    )
    after = train(other, cache_dir, tmp_path)
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


def test_workers_not_given_are_what_suits_the_device(short, cache_dir, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(training.runs, "default_workers", lambda device: {"cpu": 7}[device.type])
    monkeypatch.setattr(training.runs, "run_in_processes", lambda *given: seen.append(given[2]))
    for workers in (None, 3):
        train_runs([Wanted(short, cache_dir, tmp_path)], device="cpu", workers=workers)
    assert seen == [7, 3]


def test_a_fold_without_a_class_is_refused_before_training(
    short, make_cache, rewrite_meta, tmp_path
):
    folder = make_cache()
    path = folder / "index.parquet"
    index = pq.read_table(path)
    side, label = index["speaker/1"].to_pylist(), index["label"].to_pylist()
    side = [None if s == "train" and k == 3 else s for s, k in zip(side, label, strict=True)]
    at = index.column_names.index("speaker/1")
    pq.write_table(index.set_column(at, "speaker/1", pa.array(side)), path)
    rewrite_meta(folder)
    message = r"fold 1 of split 'speaker' has no training utterance of the classes \['sad'\]"
    with pytest.raises(ValueError, match=message):
        train(short, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()  # before anything is trained


def test_validation_features_that_are_not_finite_stop_training_and_are_named(
    short, make_cache, rewrite_meta, tmp_path
):
    folder = make_cache()
    cache = open_cache(folder)
    row = cache.rows("speaker", 0, "val")[1]
    spoil_bert(folder, cache.utterance[row], rewrite_meta)
    run = replace(short, modalities=("bert",))
    message = r"answers to 1 of \d+ utterances are not finite.* lower training\.optimiser\.lr: "
    message += rf"\['{cache.utt_ids[row]}'\]"
    with pytest.raises(ValueError, match=message):
        train(run, folder, tmp_path / "out")


def spoil_bert(folder, utterance, rewrite_meta):
    """Put an infinite BERT vector into a cache."""
    path = folder / "bert-reference.safetensors"
    bert = load_file(path)
    bert["first"][utterance] = float("inf")
    save_file(bert, path)
    rewrite_meta(folder)


def test_patience_stops_a_run_that_gets_no_better_and_the_first_of_equal_epochs_is_kept(
    short, cache_dir, tmp_path
):
    slow = replace(short.training.optimiser, lr=1e-30)
    training = replace(short.training, epochs=40, optimiser=slow, patience=2)
    run = replace(short, modalities=("bert",), training=training, seeds=(1,))
    for folder in train(run, cache_dir, tmp_path):
        lines = (folder / "history.csv").read_text().splitlines()[1:]
        assert json.loads((folder / "fold.json").read_text())["best_epoch"] == 1
        assert len(lines) == 3


def test_training_learns_what_can_be_learned(short, cache_dir, tmp_path):
    quick = replace(short.training.optimiser, lr=3e-3)
    run = replace(short, training=replace(short.training, epochs=12, optimiser=quick))
    for folder in train(run, cache_dir, tmp_path):
        assert json.loads((folder / "fold.json").read_text())["val_wa"] >= 0.75


def test_features_that_are_not_finite_stop_training_and_name_the_utterances(
    short, make_cache, rewrite_meta, tmp_path
):
    folder = make_cache()
    cache = open_cache(folder)
    spoil_bert(folder, cache.utterance[cache.rows("speaker", 0, "train")[3]], rewrite_meta)
    with pytest.raises(ValueError, match=r"fold 0, network 0, epoch 1: the loss is nan.*demo/u00"):
        train(short, folder, tmp_path / "out")
    with pytest.raises(ValueError, match=r"epoch 1: the loss is nan"):
        train(short, folder, tmp_path / "out", workers=2)
    assert not [p for p in (tmp_path / "out").glob("*") if p.name[0] == "0"]


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


def words_of_training(cache_dir, fold):
    """The words of a fold's training part in the synthetic cache, in the order of their ids."""
    cache = open_cache(cache_dir)
    words = cache.tensors("words-reference")
    utterances = cache.utterance[cache.rows("speaker", fold, "train")]
    parts = [words["ids"][words["offsets"][u] : words["offsets"][u + 1]] for u in utterances]
    return [("en", f"w{i}") for i in torch.cat(parts).unique().tolist() if i > 1]


def test_every_baseline_is_trained_and_scored_with_the_words_of_its_fold(
    cache_dir, baseline_runs, tmp_path
):
    for name, settings in baseline_runs.items():
        run = replace(settings, training=replace(settings.training, epochs=1))
        folders = train_run(run, cache_dir, tmp_path / name, workers=1)
        for folder in folders:
            record = json.loads((folder / "fold.json").read_text())
            known = [tuple(word) for word in record.get("vocabulary", [])]
            learns = reads_word_ids(run.model)
            assert known == (words_of_training(cache_dir, record["fold"]) if learns else [])
        scores = evaluate_run(
            run,
            cache_dir,
            tmp_path / name,
            predictions=tmp_path / f"{name}.parquet",
            reports=tmp_path / f"report-{name}",
        )
        assert scores["n"] == 48

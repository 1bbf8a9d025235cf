"""Several runs at once: what one of them suffers, the others do not notice."""

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from training.__main__ import find_places, main
from training.cache import open_cache
from training.jobs import expected_work
from training.line import Line
from training.pool import Done, Started, WorkerDiedError, _portable
from training.progress import Progress
from training.runs import (
    FailedRunsError,
    FoldNews,
    Outcome,
    Planned,
    Wanted,
    require_all,
    train_run,
    train_runs,
)
from training.settings import to_json

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def short(run_settings):
    """Two epochs of BERT alone."""
    training = replace(run_settings.training, epochs=2, contrast=None)
    return replace(run_settings, modalities=("bert",), training=training)


@pytest.fixture
def spoiled(make_cache, rewrite_meta):
    """A cache whose BERT vectors are infinite."""
    folder = make_cache()
    path = folder / "bert-reference.safetensors"
    bert = load_file(path)
    bert["first"][:] = float("inf")
    save_file(bert, path)
    rewrite_meta(folder)
    return folder


def longer(run, epochs):
    return replace(run, training=replace(run.training, epochs=epochs))


def contents(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_runs_at_once_leave_the_same_bytes_as_one_after_another(short, cache_dir, tmp_path):
    runs = [replace(short, name="a"), longer(replace(short, name="b", seeds=(3,)), 3)]
    news, told = [], []
    wanted = [Wanted(run, cache_dir, tmp_path / run.name, told.append) for run in runs]
    outcomes = train_runs(wanted, device="cpu", workers=2, watch=news.append)
    for run, outcome in zip(runs, outcomes, strict=True):
        alone = train_run(run, cache_dir, tmp_path / "alone" / run.name, device="cpu", workers=1)
        assert contents(tmp_path / run.name) == contents(alone[0].parent)
        assert (outcome.run, outcome.computed, outcome.error) == (run.name, 2, None)
    assert sorted((p.run, p.fold, p.score.epoch) for p in told) == [
        *[("a", fold, epoch) for fold in (0, 1) for epoch in (1, 2)],
        *[("b", fold, epoch) for fold in (0, 1) for epoch in (1, 2, 3)],
    ]
    assert [n for n in news if isinstance(n, Planned)] == [Planned("a", 2, 2), Planned("b", 2, 3)]
    kinds = [type(n.message) for n in news if isinstance(n, FoldNews)]
    assert [kinds.count(kind) for kind in (Started, Progress, Done)] == [4, 10, 4]
    starts = [n.job.run.name for n in news if isinstance(n, FoldNews) and Started() == n.message]
    assert starts == ["b", "b", "a", "a"]  # the most work first

    again = train_runs(wanted, device="cpu", workers=2, watch=(later := []).append)
    assert [(len(outcome.folders), outcome.computed) for outcome in again] == [(2, 0)] * 2
    assert not [n for n in later if isinstance(n, FoldNews)]


def test_a_run_without_a_finite_loss_or_a_live_process_takes_no_other_along(
    short, cache_dir, spoiled, tmp_path
):
    endless = longer(replace(short, name="killed"), 100_000)
    wanted = [
        Wanted(replace(short, name="first"), cache_dir, tmp_path / "first"),
        Wanted(endless, cache_dir, tmp_path / "killed"),
        Wanted(replace(short, name="infinite"), spoiled, tmp_path / "infinite"),
        Wanted(replace(short, name="unfit", source="other"), cache_dir, tmp_path / "unfit"),
        Wanted(replace(short, name="last", seeds=(5,)), cache_dir, tmp_path / "last"),
    ]
    processes = []

    def watch(news):
        """Kill the first process in its third epoch; it has a fold of the run that never ends."""
        if isinstance(news, FoldNews) and (news.job.run.name, news.job.fold) == ("killed", 0):
            if isinstance(news.message, Started):
                processes.extend(active_children())
            elif isinstance(news.message, Progress) and news.message.score.epoch == 3:
                os.kill(processes[0].pid, signal.SIGKILL)

    outcomes = train_runs(wanted, device="cpu", workers=2, watch=watch)
    errors = {outcome.run: outcome.error for outcome in outcomes}
    assert errors["first"] is errors["last"] is None
    assert isinstance(errors["killed"], WorkerDiedError)
    with pytest.raises(FailedRunsError) as failed:
        require_all(outcomes)
    told = str(failed.value)
    assert told.startswith("3 of 5 runs failed.")
    assert "killed: failed: its process was killed by signal 9" in told
    assert "infinite: failed: run 'infinite', fold " in told  # whichever fold fails first
    assert "network 0, epoch 1: the loss is nan" in told
    assert "emotion4 has no text source 'other'" in told
    for name in ("first", "last"):
        assert len([p for p in (tmp_path / name).iterdir() if p.is_dir()]) == 2
    assert not active_children()

    # What was killed goes on from its last saved epoch.
    [course] = (tmp_path / "killed").glob(".tmp-0-0-*.course")
    assert course.is_file()


def test_several_run_files_are_trained_and_scored_each_in_its_folder(
    short, cache_dir, spoiled, tmp_path
):
    runs, caches, out = (tmp_path / name for name in ("runs", "caches", "out"))
    runs.mkdir()
    caches.mkdir()
    (caches / "emotion4").symlink_to(cache_dir)
    (caches / "broken").symlink_to(spoiled)
    for run in (replace(short, name="good"), replace(short, name="bad", task="broken")):
        (runs / f"{run.name}.json").write_text(to_json(run))
    rewritten = (spoiled / "meta.json").read_text().replace('"emotion4"', '"broken"')
    (spoiled / "meta.json").write_text(rewritten)
    command = [sys.executable, "-m", "training", "all", "--workers", "2", "--device", "cpu"]
    command += ["--cache", str(caches), "--run", str(runs), "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert done.stdout.startswith('good {"wa":')
    assert "error: 1 of 2 runs failed" in done.stderr
    assert "bad: failed: run 'bad', fold " in done.stderr  # whichever fold fails first
    assert "Traceback" not in done.stderr
    assert (out / "good" / "metrics.json").is_file()
    assert not (out / "bad" / "metrics.json").exists()


def test_without_a_worker_no_run_is_lost_in_silence(short, cache_dir, tmp_path):
    with pytest.raises(ValueError, match="workers is 0, expected at least 1"):
        train_runs([Wanted(short, cache_dir, tmp_path)], device="cpu", workers=0)


@pytest.mark.parametrize("writes", [True, False])
def test_of_several_processes_only_the_writer_leaves_a_trace(short, tmp_path, monkeypatch, writes):
    (tmp_path / "run.json").write_text(to_json(short))
    seen = []
    monkeypatch.setattr("training.__main__.is_writer", lambda: writes)
    monkeypatch.setattr("training.__main__.train_runs", lambda wanted, **_: seen.extend(wanted))
    monkeypatch.setattr("training.__main__.require_all", lambda _: None)
    places = ["--cache", str(tmp_path), "--run", str(tmp_path / "run.json"), "--out", str(tmp_path)]
    assert main(["train", "--profile", *places]) == 0
    assert [run.trace is not None for run in seen] == [writes]


def test_run_files_are_told_apart_by_their_names(short, cache_dir, tmp_path):
    (tmp_path / "a.json").write_text(to_json(short))
    (tmp_path / "b.json").write_text(to_json(longer(short, 9)))
    with pytest.raises(ValueError, match=r"several run files have the name \['all'\]"):
        find_places([tmp_path], cache_dir, tmp_path)
    with pytest.raises(ValueError, match="holds no run file"):
        find_places([cache_dir.parent], cache_dir, tmp_path)
    [alone] = find_places([tmp_path / "a.json"], cache_dir, tmp_path)
    assert (alone.cache, alone.folds) == (cache_dir, tmp_path / "folds")


def test_every_model_has_an_expected_work_that_grows_with_its_epochs(
    run_settings, baseline_runs, cache_dir
):
    cache = open_cache(cache_dir)
    for run in (run_settings, *baseline_runs.values()):
        work = expected_work(run, cache)
        assert work > 0
        assert expected_work(longer(run, 2 * run.training.epochs), cache) == 2 * work


class OddError(Exception):
    """One that does not survive a pipe by itself."""

    def __init__(self, a, b):
        super().__init__(f"{a} {b}")


def test_an_error_of_a_process_arrives_with_its_traceback():
    for error in (ValueError("so"), OddError("so", 1)):
        try:
            raise error
        except Exception as caught:
            arrived = pickle.loads(pickle.dumps(_portable(caught)))
        assert "so" in str(arrived)
        assert "test_runs.py" in "".join([*getattr(arrived, "__notes__", []), *arrived.args])


def test_one_line_for_all_runs_and_one_for_each_that_ends(capsys, monkeypatch, short, cache_dir):
    news = [Planned("all", 2, 2), Outcome("all", (Path("a"), Path("b")), 1, 2.0)]
    for line in map(Line(runs=1), news):
        assert line is None
    assert capsys.readouterr().err == "all: 1 computed, 1 reused, 2.0 s\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    failed = Outcome("b", (), 0, 1.0, error=ValueError("no"))
    for runs, told in ((1, "\r\033[K"), (2, "\r\033[Kb: failed: no\n")):
        Line(runs)(failed)  # the error of a single run is told as the error of the command
        assert capsys.readouterr().err == told

"""Folds of a run, and one fold each of twelve runs, side by side against one after another.

Part of tests/benchmarks/training_speed.py, whose table it adds to.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch
from timing import Lines

from training.cache import open_cache
from training.jobs import FoldJob, expected_work, plan
from training.pool import Message, run_here, run_in_processes
from training.settings import RunSettings
from training.train import train_fold

SETS = (("words",), ("bert",), ("audio",), ("words", "bert"), ("audio", "words"), ("audio", "bert"))


def seconds(train: Callable[[Sequence[FoldJob]], None], jobs: Sequence[FoldJob]) -> float:
    """To train some folds into a folder of their own, starts of processes included."""
    with tempfile.TemporaryDirectory() as folder:
        placed = [replace(job, out_dir=Path(folder, job.out_dir)) for job in jobs]
        started = time.perf_counter()
        train(placed)
        taken = time.perf_counter() - started
        assert all(job.folder.is_dir() for job in placed), "every fold is trained"
    return taken


def folds(run: RunSettings, cache_dir: Path, device: torch.device, epochs: int) -> Lines:
    """Four folds in two processes against one."""
    few = replace(run, training=replace(run.training, epochs=epochs, patience=None))
    jobs = plan(replace(few, seeds=(0, 1, 2, 3)), open_cache(cache_dir), Path("folds"), device)[:4]
    one = seconds(lambda jobs: run_here(train_fold, jobs, raise_error), jobs)
    two = seconds(lambda jobs: run_in_processes(train_fold, jobs, 2, raise_error), jobs)
    name = f"folds: four of {epochs} epochs, two processes"
    return [(name, f"{two:.1f} s", f"{one / two:.2f} times one ({one:.1f} s)")]


def runs(
    given: Sequence[RunSettings], cache_dir: Path, device: torch.device, epochs: int, at_once: int
) -> Lines:
    """One fold of each run, at once against one after another."""
    cache = open_cache(cache_dir)
    all_runs = given if len(given) > 1 else table(given[0])
    short = [
        replace(r, training=replace(r.training, epochs=epochs, patience=None)) for r in all_runs
    ]
    short.sort(key=lambda run: -expected_work(run, cache))
    jobs = [plan(run, cache, Path(run.name), device)[0] for run in short]

    def each_started(jobs: Sequence[FoldJob]) -> None:
        for job in jobs:
            run_in_processes(train_fold, [job], 1, raise_error)

    n = len(jobs)
    here = seconds(lambda jobs: run_here(train_fold, jobs, raise_error), jobs)
    started = seconds(each_started, jobs)
    both = seconds(lambda jobs: run_in_processes(train_fold, jobs, at_once, raise_error), jobs)
    return [
        (f"runs: {n} one after another, each started", f"{started:.1f} s", ""),
        (f"runs: {n} one after another in a process", f"{here:.1f} s", f"{started / here:.2f}"),
        (f"runs: {n}, {at_once} at once", f"{both:.1f} s", f"{started / both:.2f}"),
    ]


def table(run: RunSettings) -> list[RunSettings]:
    """Twelve runs: the sets of inputs of the paper's Table 3, with two seeds each."""
    return [
        replace(run, name=f"{'-'.join(inputs)}-{seed}", modalities=inputs, seeds=(seed,))
        for inputs, seed in product(SETS, (0, 1))
    ]


def raise_error(_: FoldJob, message: Message) -> None:
    """A fold that fails ends the measurement."""
    if isinstance(message, Exception):
        raise message

"""Whole runs: every network of one, or of all runs of a table at once."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch

from training.cache import open_cache
from training.data import open_features
from training.device import choose_device, default_workers
from training.distributed import is_writer, world_size
from training.fold import check_folds
from training.jobs import FoldJob, expected_work, finish, plan, unfinished
from training.pool import Done, Message, Started, run_here, run_in_processes
from training.progress import Progress, Report
from training.settings import RunSettings
from training.speed import Speed, overall_speed
from training.strict import require
from training.train import train_fold


@dataclass(frozen=True)
class Wanted:
    """A run, the folder of the cache it reads, and where its models go."""

    run: RunSettings
    cache_dir: Path
    out_dir: Path
    report: Report = lambda _: None  # hears of each of its epochs
    trace: Path | None = None  # where a profile of its first steps goes


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the folders of its models in order, or with an error."""

    run: str
    folders: tuple[Path, ...]
    computed: int  # of them now
    seconds: float  # since the first of these began
    speed: Speed | None = None  # of all its epochs, as if they had followed each other
    error: Exception | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{self.run}: failed: {self.error}"
        reused = len(self.folders) - self.computed
        done = f"{self.run}: {self.computed} computed, {reused} reused, {self.seconds:.1f} s"
        return f"{done}, {self.speed}" if self.speed else done


class FailedRunsError(ValueError):
    """Some of several runs failed; the others are trained and kept."""


def require_all(outcomes: Sequence[Outcome]) -> None:
    """Raise what went wrong, once there is nothing more to train.

    Raises:
        FailedRunsError: some of several runs failed, named with their errors; the only one fails
            with its own error.
    """
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if len(outcomes) == 1 and failed:
        assert failed[0].error is not None
        raise failed[0].error
    if failed:
        told = "\n".join(f"  {outcome}" for outcome in failed)
        raise FailedRunsError(
            f"{len(failed)} of {len(outcomes)} runs failed. The others are done; when run again "
            f"these go on where they were:\n{told}"
        )


@dataclass(frozen=True)
class Planned:
    """A message: so many networks of a run are to be trained, in so many epochs each at most."""

    run: str
    networks: int
    epochs: int


@dataclass(frozen=True)
class FoldNews:
    """A message: a network of a run was taken up, is an epoch further, is trained, or failed."""

    job: FoldJob
    message: Message


News = Planned | FoldNews | Outcome
Watch = Callable[[News], None]


def train_run(
    run: RunSettings,
    cache_dir: Path,
    out_dir: Path,
    *,
    device: str = "auto",
    workers: int | None = None,
    progress: Report = lambda _: None,
    trace: Path | None = None,
) -> list[Path]:
    """Train what is not yet trained of a run; the folder of each network, by fold.

    A folder's name holds the key of all it depends on, so one that exists is right and stays.
    Folders no longer wanted go last. Neither `workers` (None: a process per processor, on CUDA one)
    nor what was trained before changes a result.

    Raises:
        ValueError: the cache does not fit the run, a loss was not finite, the GPU's memory is too
            small for a batch, or a process was killed.
    """
    wanted = Wanted(run, cache_dir, out_dir, progress, trace)
    outcomes = train_runs([wanted], device=device, workers=workers)
    require_all(outcomes)
    return list(outcomes[0].folders)


def train_runs(
    wanted: Sequence[Wanted],
    *,
    device: str = "auto",
    workers: int | None = None,
    watch: Watch = lambda _: None,
) -> list[Outcome]:
    """Train what is not yet trained of several runs side by side; how each ended.

    All networks share `workers` processes, those of the run with most to do come first. A run that
    fails takes no other along, even if its process is killed.

    Raises:
        ValueError: the device is not here, or there is no worker.
    """
    chosen = choose_device(device)
    workers = default_workers(chosen) if workers is None else workers
    require(workers >= 1, "workers", workers, "at least 1")
    caches = _Caches()
    ways = [_Way(each, watch) for each in wanted]
    for way in ways:
        way.plan(caches, chosen)
    todo = [job for way in sorted(ways, key=lambda way: -way.work) for job in way.todo]
    of = {way.wanted.out_dir: way for way in ways}

    def tell(job: FoldJob, message: Message) -> None:
        of[job.out_dir].hear(job, message)

    if world_size() > 1 or (len(ways) == 1 and min(workers, len(todo)) <= 1):
        run_here(train_fold, todo, tell)
    else:
        run_in_processes(train_fold, todo, workers, tell)
    return [way.outcome for way in ways if way.outcome is not None]


class _Way:
    """One of several runs on its way to its outcome."""

    def __init__(self, wanted: Wanted, watch: Watch) -> None:
        self.wanted, self.watch = wanted, watch
        self.jobs: list[FoldJob] = []
        self.todo: list[FoldJob] = []
        self.done = 0  # of those to do
        self.speeds: list[Speed] = []
        self.work = 0.0
        self.started = time.monotonic()
        self.outcome: Outcome | None = None

    def plan(self, caches: "_Caches", device: torch.device) -> None:
        """Find out what there is to do, and complain here rather than in a worker."""
        run, folder = self.wanted.run, self.wanted.cache_dir
        try:
            self.jobs = plan(run, caches.open(folder), self.wanted.out_dir, device)
            todo = unfinished(self.jobs)
            if todo:
                check_folds(run, caches.open(folder))
                caches.verify(folder)
                open_features(caches.open(folder), run)
                todo[0] = replace(todo[0], trace=self.wanted.trace)
                self.work = expected_work(run, caches.open(folder))
        except (OSError, ValueError) as error:
            self._end(error)
            return
        self.todo = todo
        self.watch(Planned(run.name, len(todo), run.training.epochs))
        if not todo:
            self._end()

    def hear(self, job: FoldJob, message: Message) -> None:
        """Take note of what became of a job, and pass it on."""
        if isinstance(message, Started) and job is self.todo[0]:
            self.started = time.monotonic()
        if isinstance(message, Progress):
            self.speeds.append(message.speed)
            self.wanted.report(message)
        self.watch(FoldNews(job, message))
        if isinstance(message, Exception):
            self._end(message)
        elif isinstance(message, Done):
            self.done += 1
            if self.done == len(self.todo):
                self._end()

    def _end(self, error: Exception | None = None) -> None:
        if error is None and is_writer():
            finish(self.wanted.out_dir, self.jobs)
        folders = tuple(job.folder for job in self.jobs if job.folder.is_dir())
        seconds = time.monotonic() - self.started
        speed = overall_speed(self.speeds) if self.speeds else None
        self.outcome = Outcome(self.wanted.run.name, folders, self.done, seconds, speed, error)
        self.watch(self.outcome)


class _Caches:
    """Each cache opened once, and its digests compared once, for all runs that read it."""

    def __init__(self) -> None:
        self.open = cache(open_cache)
        self.verify = cache(lambda folder: self.open(folder).verify())

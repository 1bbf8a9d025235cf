"""The folds of a run as jobs: planned by content, run in one process or several."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from training.cache import TensorCache
from training.checkpoint import describe_fold
from training.files import TEMPORARY
from training.fit import check_fit
from training.progress import Report
from training.settings import RunSettings, files_of

TRAINING_VERSION = 3  # raise it when the same settings train another model
_FOLDER = re.compile(r"\d+-\d+-[0-9a-f]{32}")

Work = Callable[["FoldJob", Report], None]


@dataclass(frozen=True)
class FoldJob:
    """One fold with one seed: all that a worker needs to know."""

    run: RunSettings
    cache_dir: Path
    out_dir: Path
    fold: int
    seed: int
    key: str  # names the content: settings, cache, fold, seed, version of the code
    device: str
    trace: Path | None = None  # where a profile of its first steps goes

    @property
    def folder(self) -> Path:
        """Where the result goes."""
        return self.out_dir / f"{self.fold}-{self.seed}-{self.key}"

    @property
    def saved(self) -> Path:
        """Where an unfinished course is kept."""
        return self.out_dir / f"{TEMPORARY}{self.folder.name}.course"


def plan(
    run: RunSettings, cache: TensorCache, out_dir: Path, device: torch.device
) -> list[FoldJob]:
    """Every fold and seed of a run, in order.

    Raises:
        ValueError: the cache does not fit the run.
    """
    check_fit(cache, run)
    return [
        FoldJob(
            run=run,
            cache_dir=cache.folder,
            out_dir=out_dir,
            fold=fold,
            seed=seed,
            key=fold_key(run, cache, fold, seed),
            device=str(device),
        )
        for fold in range(cache.folds(run.split))
        for seed in run.seeds
    ]


def fold_key(run: RunSettings, cache: TensorCache, fold: int, seed: int) -> str:
    """32 hexadecimal digits of everything a fold's result depends on.

    Of the cache only what the run reads: other texts, splits or features change nothing.
    """
    files = sorted(files_of(run).values())
    described = describe_fold(run, cache, fold, seed)
    del described["features"]  # how the files came about; their digests say what they hold
    content = {
        "version": TRAINING_VERSION,
        "files": {name: cache.meta["files"][f"{name}.safetensors"] for name in files},
        "rows": cache.rows_key(run.split, fold, heard="audio" in run.modalities),
        **described,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def unfinished(jobs: list[FoldJob]) -> list[FoldJob]:
    """The jobs whose folder is not there yet."""
    return [job for job in jobs if not job.folder.is_dir()]


def finish(out_dir: Path, jobs: list[FoldJob]) -> None:
    """Remove the folders of folds that are no longer wanted, and what a killed run left."""
    wanted = {job.folder.name for job in jobs}
    for path in sorted(out_dir.iterdir()):
        stale = _FOLDER.fullmatch(path.name) is not None and path.name not in wanted
        if stale or path.name.startswith(TEMPORARY):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def run_jobs(work: Work, jobs: Sequence[FoldJob], workers: int, progress: Report) -> None:
    """Do all jobs, here or in spawned processes; the messages of all arrive at `progress` here.

    The first error is raised and ends the other processes. When this process dies, even by a kill,
    they notice at their next message.
    """
    workers = min(len(jobs), max(1, workers))
    if workers == 1:
        for job in jobs:
            work(job, progress)
        return
    waiting = iter(jobs)
    busy = dict(_start(work, job) for job in islice(waiting, workers))
    try:
        while busy:
            for pipe in wait(list(busy)):
                assert isinstance(pipe, Connection)
                if _hear(pipe, busy[pipe], progress):
                    continue
                if (following := next(waiting, None)) is not None:
                    pipe.send(following)
                    continue
                pipe.close()
                busy.pop(pipe).join()
    finally:
        for process in busy.values():
            process.terminate()
            process.join()


def _start(work: Work, job: FoldJob) -> tuple[Connection, BaseProcess]:
    """A process that does one job after another as they come through the pipe."""
    context = get_context("spawn")  # a forked child may inherit a lock that nobody will open
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()  # so that each side sees the end of the other
    ours.send(job)
    return ours, process


def _serve(work: Work, pipe: Connection) -> None:
    try:
        while True:
            work(pipe.recv(), pipe.send)
            pipe.send(None)
    except (EOFError, ConnectionError):  # the other side is done, or dead
        return
    except Exception as error:
        pipe.send(error)


def _hear(pipe: Connection, process: BaseProcess, progress: Report) -> bool:
    """Pass on the next message of a worker; False when its job is done."""
    try:
        message = pipe.recv()
    except (EOFError, ConnectionError) as error:
        process.join()
        code = process.exitcode
        raise RuntimeError(f"a training process died with exit code {code}") from error
    if isinstance(message, Exception):
        raise message
    if message is not None:
        progress(message)
    return message is not None

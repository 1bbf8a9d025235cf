"""Jobs one after another or in several processes, where a failure ends its own run alone."""

import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from os import _exit

from training.distributed import world_size
from training.jobs import FoldJob
from training.progress import Progress, Report

Work = Callable[[FoldJob, Report], None]
Tell = Callable[[FoldJob, "Message"], None]


@dataclass(frozen=True)
class Started:
    """A process took the job up."""


@dataclass(frozen=True)
class Done:
    """The job's folder is there."""


Message = Started | Progress | Done | Exception


class WorkerDiedError(ValueError):
    """A process ended in the middle of a job."""


def run_here(work: Work, jobs: Sequence[FoldJob], tell: Tell) -> None:
    """Do all jobs in this process, one after another; what becomes of each arrives at `tell`.

    An exception ends the jobs of its run. Where several processes train together it is raised: the
    others may not know of it, and would wait.
    """
    waiting = deque(jobs)
    while waiting:
        job = waiting.popleft()
        tell(job, Started())
        try:
            work(job, partial(tell, job))
        except Exception as error:
            if world_size() > 1:
                raise
            tell(job, error)
            waiting = _others(waiting, job)
        else:
            tell(job, Done())


def run_in_processes(work: Work, jobs: Sequence[FoldJob], workers: int, tell: Tell) -> None:
    """Do all jobs in `workers` spawned processes; what becomes of each arrives at `tell` here.

    An exception or the death of a process ends the jobs of its run, also those under way, and
    takes a new process for the next. When this process dies, even by a kill, the others end.
    """
    pool = _Pool(work, jobs, tell)
    try:
        while pool.fill(workers):
            for pipe in wait(list(pool.busy)):
                if pipe in pool.busy:  # not ended meanwhile, with its run
                    pool.hear(pipe)
    finally:
        for pipe in list(pool.busy):
            pool.end(pipe)


class _Pool:
    """Jobs that wait, and processes with the job that each is at."""

    def __init__(self, work: Work, jobs: Sequence[FoldJob], tell: Tell) -> None:
        self.work, self.tell = work, tell
        self.waiting = deque(jobs)
        self.busy: dict[Connection, tuple[FoldJob, BaseProcess]] = {}

    def fill(self, workers: int) -> bool:
        """Start processes while there are jobs for them; whether anything is left to hear."""
        context = get_context("spawn")  # a forked child may inherit a lock that nobody will open
        while self.waiting and len(self.busy) < workers:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(self.work, theirs), daemon=True)
            process.start()
            theirs.close()  # so that each side sees the end of the other
            self._give(ours, process)
        return bool(self.busy)

    def hear(self, pipe: Connection) -> None:
        """Take the next message of a process, and do what follows from it."""
        job, process = self.busy[pipe]
        message = _receive(pipe, process)
        self.tell(job, message)
        if isinstance(message, Exception):
            self.waiting = _others(self.waiting, job)
            for other, (their, _) in list(self.busy.items()):
                if their.out_dir == job.out_dir:
                    self.end(other)
        elif isinstance(message, Done):
            if self.waiting:
                self._give(pipe, process)
            else:
                self.end(pipe)

    def end(self, pipe: Connection) -> None:
        """End a process; a job that it is at is saved up to its last epoch."""
        _, process = self.busy.pop(pipe)
        pipe.close()
        process.terminate()
        process.join()

    def _give(self, pipe: Connection, process: BaseProcess) -> None:
        job = self.waiting.popleft()
        self.busy[pipe] = job, process
        with suppress(ConnectionError):  # a process that died is heard of when it is listened to
            pipe.send(job)
        self.tell(job, Started())


def _others(jobs: deque[FoldJob], failed: FoldJob) -> deque[FoldJob]:
    """The jobs of other runs."""
    return deque(job for job in jobs if job.out_dir != failed.out_dir)


def _receive(pipe: Connection, process: BaseProcess) -> Message:
    try:
        message: Message = pipe.recv()
    except (EOFError, ConnectionError):
        process.join()
        code = process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return WorkerDiedError(
            f"its process {how}; where the system did so for lack of memory, fewer workers need "
            "less"
        )
    return message


def _serve(work: Work, pipe: Connection) -> None:
    """Do one job after another as they come through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):  # the other side is done, or dead
        while True:
            job = pipe.recv()
            try:
                work(job, pipe.send)
            except Exception as error:
                pipe.send(_portable(error))
                return
            pipe.send(Done())


def _leave_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    _exit(1)


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note, in a form that survives the pipe."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}", *error.__notes__)
    return error

"""Ways to map a function over tasks: each yields the results in the order of the tasks.

Nothing else differs between them, so a row never depends on the backend or the number of workers.
"""

import gc
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from training.processors import processors

Task = TypeVar("Task")
Result = TypeVar("Result")
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]

OBJECTS_UNTIL_COLLECTION = 100_000  # Python's own: 700
TASKS_AHEAD = 4  # per worker: enough to keep it busy, few enough to bound memory


def default_workers() -> int:
    """The number of worker processes: `VCEMO_WORKERS`, else the processors this process may use.

    Raises:
        ValueError: `VCEMO_WORKERS` is not a positive whole number.
    """
    return workers_asked_for() or processors()


def workers_asked_for() -> int | None:
    """`VCEMO_WORKERS`, None if it is not set.

    Raises:
        ValueError: it is not a positive whole number.
    """
    text = os.environ.get("VCEMO_WORKERS")
    if text is not None and (not text.isdecimal() or int(text) < 1):
        raise ValueError(f"VCEMO_WORKERS: found {text!r}, expected a whole number of at least 1")
    return int(text) if text else None


def choose(workers: int, tasks: int, worth_a_process: int) -> Spread:
    """As many processes as there is work for: each takes seconds to load its libraries.

    Args:
        worth_a_process: so many tasks take longer than starting a process for them.
    """
    count = min(workers, tasks // worth_a_process)
    return serial if count <= 1 else processes(count)


def serial(function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """Map in this process."""
    return map(function, tasks)


def processes(workers: int) -> Spread:
    """Map over `workers` spawned processes, each with one thread for arithmetic."""

    def spread(function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        from concurrent.futures import Future, ProcessPoolExecutor
        from multiprocessing import get_context

        with (
            one_thread_each(),
            ProcessPoolExecutor(workers, get_context("spawn"), _begin, (os.getpid(),)) as pool,
        ):
            pending: deque[Future[Result]] = deque()
            try:
                for task in tasks:
                    pending.append(pool.submit(function, task))
                    if len(pending) >= workers * TASKS_AHEAD:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    return spread


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Children started here inherit an environment in which arithmetic libraries use one thread."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def collect_seldom() -> None:
    """Let this process look for cyclic garbage less often.

    Libraries make a million objects that stay, and looking through them again and again takes a
    fifth of the time of importing torch and transformers: much of a stage with ten new rows.
    """
    gc.set_threshold(OBJECTS_UNTIL_COLLECTION)


def _begin(parent: int) -> None:
    """Start a worker. It ends when its parent is gone: a killed run leaves no process behind."""
    collect_seldom()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

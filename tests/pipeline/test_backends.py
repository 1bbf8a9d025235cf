"""A backend is a map: the same results in the same order, whatever carries them."""

import os

import pytest

from pipeline import backends


def square(x: int) -> int:
    return x * x


def fail_at_five(x: int) -> int:
    if x == 5:
        raise ValueError("five")
    return x


def process_and_threads(_: int) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def test_processes_return_what_serial_returns_in_its_order() -> None:
    tasks = range(50)
    assert list(backends.processes(2)(square, tasks)) == list(backends.serial(square, tasks))


def test_tasks_are_drawn_only_a_little_ahead() -> None:
    drawn: list[int] = []

    def tasks() -> object:
        for i in range(100):
            drawn.append(i)
            yield i

    results = backends.processes(2)(square, tasks())
    next(results)
    assert len(drawn) <= 2 * backends.TASKS_AHEAD + 1
    results.close()


def test_an_error_of_a_worker_arrives() -> None:
    with pytest.raises(ValueError, match="five"):
        list(backends.processes(2)(fail_at_five, range(10)))


def test_workers_are_other_processes_with_one_thread_and_leave_the_environment_alone() -> None:
    before = dict(os.environ)
    seen = set(backends.processes(2)(process_and_threads, range(20)))
    assert os.getpid() not in {pid for pid, _ in seen}
    assert {threads for _, threads in seen} == {"1"}
    assert dict(os.environ) == before


def test_little_work_starts_no_process() -> None:
    assert backends.choose(2, 7, worth_a_process=4) is backends.serial
    assert backends.choose(2, 8, worth_a_process=4) is not backends.serial
    assert backends.choose(1, 1000, worth_a_process=4) is backends.serial


def test_the_number_of_workers_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VCEMO_WORKERS", "3")
    assert backends.default_workers() == 3
    monkeypatch.setenv("VCEMO_WORKERS", "many")
    with pytest.raises(ValueError, match="VCEMO_WORKERS: found 'many', expected a whole number"):
        backends.default_workers()
    monkeypatch.delenv("VCEMO_WORKERS")
    assert 1 <= backends.default_workers() <= (os.cpu_count() or 1)

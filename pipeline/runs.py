"""Training the runs of params.yaml, the folds of several side by side."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import layout
from pipeline.board import board
from pipeline.files import BusyError, appearing, lock
from pipeline.packing.currency import require_current
from pipeline.packing.rows import PackError
from pipeline.params import Params, run_settings

if TYPE_CHECKING:
    from training.runs import Outcome, Wanted
    from training.settings import RunSettings


def train(
    params: Params,
    names: Sequence[str],
    device: str,
    workers: int | None,
    *,
    profile: bool = False,
    loggers: Sequence[str] = (),
) -> None:
    """Train every fold and seed of some runs that is not there yet; says how each ended.

    Raises:
        ParamsError: there is no such run.
        FailedRunsError: some runs failed, the others are trained; a single run raises its own
            error.
    """
    from training.runs import Outcome, require_all, train_runs

    started = time.monotonic()
    runs = [run_settings(params, name) for name in dict.fromkeys(names)]
    wanted, outcomes = [], []
    with ExitStack() as opened, board(len(runs)) as show:
        for run in runs:
            try:
                require_current(layout.cache(run.task), params, run.task, run.split)
                wanted.append(opened.enter_context(_place(run, loggers, profile=profile)))
            except (BusyError, PackError) as error:
                if len(runs) == 1:
                    raise
                outcomes.append(Outcome(run.name, (), 0, 0.0, error=error))
                show(outcomes[-1])
        outcomes += train_runs(wanted, device=device, workers=workers, watch=show)
        if len(runs) > 1:
            show.say(_total(outcomes, time.monotonic() - started))
    require_all(outcomes)


def as_file(params: Params, name: str) -> str:
    """A run as the JSON text that `python -m training` reads."""
    from training.settings import to_json

    return to_json(run_settings(params, name))


def write_files(params: Params, folder: Path) -> str:
    """Write every run as such a file into a folder; returns a line that says so."""
    for name in params.runs:
        with appearing(folder / f"{name}.json") as temporary:
            temporary.write_text(as_file(params, name), encoding="utf-8")
    return f"{folder}: {len(params.runs)} run files"


@contextmanager
def _place(run: "RunSettings", loggers: Sequence[str], *, profile: bool) -> Iterator["Wanted"]:
    """A run with all that belongs to it, locked against other writers."""
    from pipeline.loggers import logging_to
    from training.progress import SpeedFile
    from training.runs import Wanted

    speed, out = SpeedFile(layout.speed(run.name)), layout.run(run.name)
    trace = layout.trace(run.name) if profile else None
    with lock(out), logging_to(loggers, run, layout.LOGS / run.name, speed) as report:
        yield Wanted(run, layout.cache(run.task), out, report, trace)


def _total(outcomes: "Sequence[Outcome]", seconds: float) -> str:
    computed = sum(outcome.computed for outcome in outcomes)
    reused = sum(len(outcome.folders) for outcome in outcomes) - computed
    failed = sum(outcome.error is not None for outcome in outcomes)
    done = f"{len(outcomes)} runs, {failed} failed, {computed} computed, {reused} reused"
    return f"train: {done}, {seconds:.1f} s"

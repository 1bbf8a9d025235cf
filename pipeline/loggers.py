"""Learning curves for TensorBoard, Weights & Biases, MLflow or DVCLive: off unless asked for.

Each is a context manager that yields a function (series, epoch, values); a series is a network of
a fold. What they write is for looking at while a run trains, and no part of any result.
"""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.progress import Progress, Report
    from training.settings import RunSettings

Log = Callable[[str, int, Mapping[str, float]], None]
PROJECT = "vcemo"


class LoggerError(ValueError):
    """A logger that does not exist, or whose package is not installed."""


@contextmanager
def logging_to(
    names: Sequence[str], run: "RunSettings", folder: Path, show: "Report"
) -> Iterator["Report"]:
    """What to tell of every epoch: to `show`, and to the loggers of these names.

    Args:
        folder: where those that write files put them, each in a folder of its own.

    Raises:
        LoggerError: a name is unknown, or its package is missing.
    """
    with ExitStack() as opened:
        logs = [opened.enter_context(_opened(name, run, folder / name)) for name in names]

        def report(progress: "Progress") -> None:
            show(progress)
            values = {k: v for k, v in progress.score.scores.items() if not math.isnan(v)}
            for log in logs:
                log(f"fold{progress.fold}-network{progress.network}", progress.score.epoch, values)

        yield report


def _opened(name: str, run: "RunSettings", folder: Path) -> AbstractContextManager[Log]:
    if name not in LOGGERS:
        raise LoggerError(f"no logger {name!r}; there are {', '.join(LOGGERS)}")
    folder.mkdir(parents=True, exist_ok=True)
    return _explained(name, LOGGERS[name](run, folder))


@contextmanager
def _explained(name: str, logger: AbstractContextManager[Log]) -> Iterator[Log]:
    with ExitStack() as stack:
        try:
            log = stack.enter_context(logger)
        except ImportError as error:
            raise LoggerError(
                f"the logger {name!r} needs its package: pip install 'vcemo[{name}]' ({error})"
            ) from error
        yield log


@contextmanager
def _tensorboard(run: "RunSettings", folder: Path) -> Iterator[Log]:
    from torch.utils.tensorboard import SummaryWriter

    with ExitStack() as stack:
        writers: dict[str, Any] = {}

        def log(series: str, epoch: int, values: Mapping[str, float]) -> None:
            if series not in writers:
                writers[series] = stack.enter_context(SummaryWriter(str(folder / series)))
            for name, value in values.items():
                writers[series].add_scalar(name, value, epoch)

        yield log


@contextmanager
def _wandb(run: "RunSettings", folder: Path) -> Iterator[Log]:
    import wandb

    with wandb.init(project=PROJECT, name=run.name, config=asdict(run), dir=folder) as open_run:
        yield lambda series, epoch, values: open_run.log(_prefixed(series, values, epoch=epoch))


@contextmanager
def _mlflow(run: "RunSettings", folder: Path) -> Iterator[Log]:
    import mlflow

    if "MLFLOW_TRACKING_URI" not in os.environ:
        # Files need no server and no database; MLflow 3 wants to hear that they are meant.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        mlflow.set_tracking_uri(folder.resolve().as_uri())
    mlflow.set_experiment(PROJECT)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_dict(asdict(run), "run.json")
        yield lambda series, epoch, values: mlflow.log_metrics(
            _prefixed(series, values), step=epoch
        )


@contextmanager
def _dvclive(run: "RunSettings", folder: Path) -> Iterator[Log]:
    from dvclive import Live

    with Live(dir=str(folder), save_dvc_exp=False, dvcyaml=None) as live:

        def log(series: str, epoch: int, values: Mapping[str, float]) -> None:
            live.step = epoch
            for name, value in _prefixed(series, values).items():
                live.log_metric(name, value)

        yield log


def _prefixed(series: str, values: Mapping[str, float], **more: float) -> dict[str, float]:
    return {f"{series}/{name}": value for name, value in values.items()} | more


LOGGERS: dict[str, Callable[["RunSettings", Path], AbstractContextManager[Log]]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "mlflow": _mlflow,
    "dvclive": _dvclive,
}

"""`python -m training {train,evaluate,all} --cache DIR --run run.json --out OUT`.

Needs only torch, numpy, pyarrow, safetensors and this folder. Writes
OUT/folds/<fold>-<network>-<key>/, OUT/predictions.parquet, and metrics.json, confusion.csv and
curves.csv beside it, and in speed.csv how fast it went. Under
`torchrun --nproc-per-node 4 -m training ...` four processes train each model together.

With several run files, or a folder of them, all of that lies in OUT/<run>/ for each, and the
networks of all are trained side by side; DIR then is the cache of all, or holds the cache of each
task in a folder of its name. A run that fails takes no other along.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.distributed import group, is_writer, world_size
from training.evaluate import evaluate_run
from training.line import Line
from training.meta import META
from training.progress import SpeedFile
from training.runs import Outcome, Wanted, require_all, train_runs
from training.settings import RunSettings, read_run

TRACE = "train.pt.trace.json"


@dataclass(frozen=True)
class Place:
    """A run, the cache it reads, and the folder for all that comes of it."""

    run: RunSettings
    cache: Path
    out: Path

    @property
    def folds(self) -> Path:
        """Where its models lie."""
        return self.out / "folds"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 1 after an error in files, data or settings, which goes to stderr."""
    options = _parser().parse_args(arguments)
    try:
        with group(options.device):
            _run(options)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    places = find_places(options.run, options.cache, options.out)
    outcomes = [Outcome(place.run.name, (), 0, 0.0) for place in places]
    if options.command in ("train", "all"):
        outcomes = _train(places, options)
    if options.command in ("evaluate", "all"):
        pairs = zip(places, outcomes, strict=True)
        outcomes = [_evaluate(*pair, options.device, alone=len(places) == 1) for pair in pairs]
    require_all(outcomes)


def find_places(files: Sequence[Path], cache: Path, out: Path) -> list[Place]:
    """The runs of some files and folders, and where each is at home.

    Raises:
        ValueError: a file is no run, a folder holds none, or two have one name.
    """
    if len(files) == 1 and not files[0].is_dir():
        return [Place(read_run(files[0]), cache, out)]
    found = [path for place in files for path in _run_files(place)]
    runs = [read_run(path) for path in found]
    names = [run.name for run in runs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"several run files have the name {twice}: each needs its own folder")
    shared = (cache / META).is_file()
    return [Place(run, cache if shared else cache / run.task, out / run.name) for run in runs]


def _run_files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    if not (found := sorted(place.glob("*.json"))):
        raise ValueError(f"{place} holds no run file (*.json)")
    return found


def _train(places: Sequence[Place], options: argparse.Namespace) -> list[Outcome]:
    quiet = not is_writer()
    wanted = [
        Wanted(
            place.run,
            place.cache,
            place.folds,
            report=(lambda _: None) if quiet else SpeedFile(place.out / "speed.csv"),
            trace=place.out / TRACE if options.profile and not quiet else None,
        )
        for place in places
    ]
    watch = (lambda _: None) if quiet else Line(len(wanted))
    return train_runs(wanted, device=options.device, workers=options.workers, watch=watch)


def _evaluate(place: Place, trained: Outcome, device: str, *, alone: bool) -> Outcome:
    """Score a run, if it is trained; an error is that of the run, unless others wait for this."""
    if trained.error is not None:
        return trained
    try:
        summary = evaluate_run(
            place.run,
            place.cache,
            place.folds,
            predictions=place.out / "predictions.parquet",
            reports=place.out,
            device=device,
        )
    except (OSError, ValueError) as error:
        if world_size() > 1:
            raise
        return replace(trained, error=error)
    if is_writer():
        name = "" if alone else f"{place.run.name} "
        sys.stdout.write(f"{name}{json.dumps(summary['pooled'])}\n")
    return trained


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("command", choices=("train", "evaluate", "all"))
    parser.add_argument("--cache", type=Path, required=True, help="folder of the tensor cache")
    files = "JSON files of runs' settings, or folders of them"
    parser.add_argument("--run", type=Path, required=True, nargs="+", help=files)
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    workers = "networks trained at once (default: one per processor, on CUDA one)"
    parser.add_argument("--workers", type=int, help=workers)
    profile = f"leave OUT/{TRACE}, a trace of the first steps for Chrome or TensorBoard"
    parser.add_argument("--profile", action="store_true", help=profile)
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""`python -m training {train,evaluate,all} --cache DIR --run run.json --out OUT`.

Needs only torch, numpy, pyarrow, safetensors and this folder. Writes
OUT/folds/<fold>-<seed>-<key>/, OUT/predictions.parquet, and metrics.json, confusion.csv and
curves.csv beside it, and in speed.csv how fast it went. Under
`torchrun --nproc-per-node 4 -m training ...` four processes train each model together.
"""

import argparse
import json
import sys
from pathlib import Path

from training.distributed import group, is_writer
from training.evaluate import evaluate_run
from training.progress import ProgressLog
from training.settings import read_run
from training.train import train_run

TRACE = "train.pt.trace.json"


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
    run = read_run(options.run)
    folds = options.out / "folds"
    if options.command in ("train", "all"):
        log = ProgressLog(options.out / "speed.csv")
        train_run(
            run,
            options.cache,
            folds,
            device=options.device,
            workers=options.workers,
            progress=log if is_writer() else lambda _: None,
            trace=options.out / TRACE if options.profile else None,
        )
        sys.stderr.write(f"\n{log.summary}\n" if log.summary else "")
    if options.command in ("evaluate", "all"):
        predictions = options.out / "predictions.parquet"
        summary = evaluate_run(
            run,
            options.cache,
            folds,
            predictions=predictions,
            reports=options.out,
            device=options.device,
        )
        if is_writer():
            sys.stdout.write(json.dumps(summary["pooled"]) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("command", choices=("train", "evaluate", "all"))
    parser.add_argument("--cache", type=Path, required=True, help="folder of the tensor cache")
    parser.add_argument("--run", type=Path, required=True, help="JSON file of the run's settings")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    workers = "folds trained at once (default: one per processor, on CUDA one)"
    parser.add_argument("--workers", type=int, help=workers)
    profile = f"leave OUT/{TRACE}, a trace of the first steps for Chrome or TensorBoard"
    parser.add_argument("--profile", action="store_true", help=profile)
    return parser


if __name__ == "__main__":
    sys.exit(main())

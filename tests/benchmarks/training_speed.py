"""How fast batches come, and what a training step waits for.

    vcemo run-file audio > run.json
    python tests/benchmarks/training_speed.py --cache data/cache/emotion4 --run run.json
        [--device cuda]

Needs no more than training does (torch, numpy, pyarrow, safetensors); rivals whose packages are
missing are left out (`pip install datasets webdataset lhotse`). One table, printed last:

* loading: padded float32 log-mel in the same batches for all, of --rows rows: those of the cache,
  written again and again into a larger file; opening and first pass, then later passes; ours with
  and without normalisation, and how many times as fast as each rival of the same duties
* step: an epoch of training fed from the cache, against the same batches made beforehand
* compute: a step of each run in float32, with attention in parts, in bfloat16 and compiled; Adam
  one by one, together and fused; how far the gradient of bfloat16 is from that of float32
* ladder: an epoch from what one writes first to what ours can do, and its share of the peak
* folds: four folds in two processes, against one after the other (on a CPU)
* runs: one fold of each of twelve runs --at-once, against one after another; the runs are those of
  --run (`vcemo run-file --all DIR` writes them), or the sets of inputs of a single one
"""

import argparse
import os
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import many_runs  # noqa: E402
from compute import compute  # noqa: E402
from ladder import ladder  # noqa: E402
from loading import loading  # noqa: E402
from steps import new_course, steps  # noqa: E402
from timing import CLOCKS, Clock, Lines, fastest  # noqa: E402

from training.cache import open_cache  # noqa: E402
from training.data import epoch_rows, open_features  # noqa: E402
from training.device import choose_device  # noqa: E402
from training.feed import feed  # noqa: E402
from training.fold import open_fold  # noqa: E402
from training.jobs import plan  # noqa: E402
from training.settings import RunSettings, read_run  # noqa: E402

PARTS = ("loading", "step", "compute", "ladder", "folds", "runs")


def step(run: RunSettings, cache_dir: Path, device: torch.device, clock: Clock) -> Lines:
    cache = open_cache(cache_dir)
    data = open_fold(plan(run, cache, Path("unused"), device)[0])
    course = new_course(run, data, device)
    shown = epoch_rows(data.features, data.train_rows, run, 0, 0, 1)
    ready = list(feed(data.features, shown, data.normalise, device))

    best = fastest(
        {
            "fed": lambda: steps(course, data, feed(data.features, shown, data.normalise, device)),
            "resident": lambda: steps(course, data, ready),
        },
        device,
        clock,
    )
    rate = sum(map(len, shown)) / best["fed"]
    share = f"{best['resident'] / best['fed']:.1%} of resident batches"
    return [("step: fed from the cache", f"{rate:.0f} utterances/s", share)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, nargs="+")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=20, help="of each fold side by side")
    parser.add_argument("--at-once", type=int, default=os.cpu_count(), help="runs (default: cores)")
    few_help = "of ladder and compute (default: 4 on a CPU, else an epoch)"
    parser.add_argument("--batches", type=int, help=few_help)
    clock = "seconds on the wall, or of this processor on a machine with other work"
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help=clock)
    options = parser.parse_args()
    device, cache_dir = choose_device(options.device), options.cache
    given = [read_run(path) for path in options.run]
    run, epochs, clock = given[0], options.epochs, CLOCKS[options.clock]
    torch.set_num_threads(1)  # as training does
    lines: Lines = []
    if "loading" in options.parts:
        lines += loading(open_features(open_cache(cache_dir), run), options.rows, device, clock)
    if "step" in options.parts:
        lines += step(run, cache_dir, device, clock)
    few = options.batches or (4 if device.type == "cpu" else 1_000_000)
    if "compute" in options.parts:
        for each in given:
            lines += compute(each, cache_dir, device, clock, batches=few)
    if "ladder" in options.parts:
        lines += ladder(run, cache_dir, device, batches=few)
    if "folds" in options.parts and device.type == "cpu":
        lines += many_runs.folds(run, cache_dir, device, epochs)
    if "runs" in options.parts:
        lines += many_runs.runs(given, cache_dir, device, epochs, options.at_once)
    wide = max(len(name) for name, *_ in lines)
    for name, found, ratio in lines:
        print(f"{name:<{wide}} {found:>31}   {ratio}")


if __name__ == "__main__":
    main()

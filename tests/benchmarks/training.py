"""How fast batches come, and what a training step waits for.

    vcemo run-file audio > run.json
    python tests/benchmarks/training.py --cache data/cache/emotion4 --run run.json [--device cuda]

Needs no more than training does (torch, numpy, pyarrow, safetensors); rivals whose packages are
missing are left out (`pip install datasets webdataset lhotse`). One table, printed last:

* loading: padded float32 log-mel of all rows of the cache, shown again and again up to --rows, in
  the same batches for all; ours with and without normalisation
* step: an epoch of training fed from the cache, against the same batches made beforehand
* folds: two folds in two processes, against one after the other (on a CPU)
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from rival_loaders import RIVALS  # noqa: E402

from training.cache import open_cache  # noqa: E402
from training.checkpoint import describe_fold, untrained_model  # noqa: E402
from training.course import Course  # noqa: E402
from training.data import Features, epoch_rows, open_features  # noqa: E402
from training.device import choose_device  # noqa: E402
from training.feed import feed, settle  # noqa: E402
from training.fold import open_fold  # noqa: E402
from training.jobs import plan, run_jobs  # noqa: E402
from training.normalise import fit_normalisation  # noqa: E402
from training.settings import RunSettings, read_run  # noqa: E402
from training.train import train_fold, training_loss  # noqa: E402

BATCH = 32
ROUNDS = 3  # in turns; the fastest counts
Lines = list[tuple[str, str, str]]


def seconds(work: Callable[[], Iterable[object]], device: torch.device) -> float:
    """Until all that the work yields is there."""
    started = time.perf_counter()
    for _ in work():
        pass
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def fastest(
    works: dict[str, Callable[[], Iterable[object]]], device: torch.device
) -> dict[str, float]:
    """The best time of each, measured in turns."""
    times = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(seconds(work, device))
    return {name: min(found) for name, found in times.items()}


def loading(features: Features, rows: int, device: torch.device) -> Lines:
    cache = features.cache
    assert features.mel is not None, "the run needs audio"
    order = np.argsort(cache.frames, kind="stable")
    once = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    passes = max(1, round(rows / len(order)))
    normalise = fit_normalisation(cache, np.arange(len(order)), "train")
    offsets = features.mel.offsets.tolist()
    held = [features.mel.values[a:b].clone() for a, b in pairwise(offsets)]
    settled = settle(features, device)
    with tempfile.TemporaryDirectory() as folder:
        works: dict[str, Callable[[], Iterable[object]]] = {
            "ours": lambda: feed(settled, once, normalise, device)
        }
        for name, make in RIVALS.items():
            place = Path(folder, name.split()[0])
            place.mkdir()
            try:
                works[name] = make(held, [batch.tolist() for batch in once], place)
            except ImportError as error:
                sys.stderr.write(f"{name}: left out ({error})\n")
        every = {
            name: (lambda work=work: (x for _ in range(passes) for x in work()))
            for name, work in works.items()
        }
        best = fastest(every, device)
    count = passes * len(once)
    ours = best.pop("ours")
    lines = [("loading: ours, normalised", f"{count / ours:.0f} batches/s", "")]
    for name, taken in best.items():
        lines.append((f"loading: {name}", f"{count / taken:.0f} batches/s", f"{taken / ours:.1f}"))
    made = passes * sum(4 * len(b) * int(cache.frames[b].max()) * held[0].shape[1] for b in once)
    block = torch.ones(64 << 20, dtype=torch.uint8)
    copied = min(seconds(lambda: [block.clone()], torch.device("cpu")) for _ in range(9))
    speed = f"{made / ours / 1e9:.1f} GB/s"
    return [*lines, ("loading: bytes", speed, f"memory copy {block.nbytes / copied / 1e9:.1f}")]


def step(run: RunSettings, cache_dir: Path, device: torch.device) -> Lines:
    cache = open_cache(cache_dir)
    data = open_fold(plan(run, cache, Path("unused"), device)[0])
    model = untrained_model(describe_fold(run, cache, 0, 0)).to(device)
    course = Course(model, run.training)
    shown = epoch_rows(data.features, data.train_rows, run, 0, 0, 1)
    ready = list(feed(data.features, shown, data.normalise, device))

    def steps(batches: Iterable[object]) -> Iterable[object]:
        for rows, batch in zip(shown, batches, strict=True):
            batch = replace(batch, joint=len(rows))
            targets = torch.eye(len(cache.classes), device=device)[batch.label]
            loss = training_loss(model, batch, targets, run.training, None, course.moco)
            course.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            course.optimiser.step()
            yield loss

    model.train()
    best = fastest(
        {
            "fed": lambda: steps(feed(data.features, shown, data.normalise, device)),
            "resident": lambda: steps(ready),
        },
        device,
    )
    rate = sum(map(len, shown)) / best["fed"]
    share = f"{best['resident'] / best['fed']:.1%} of resident batches"
    return [("step: fed from the cache", f"{rate:.0f} utterances/s", share)]


def folds(run: RunSettings, cache_dir: Path, device: torch.device) -> Lines:
    few = replace(run, training=replace(run.training, epochs=10), seeds=run.seeds[:1])
    taken = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as out:
            jobs = plan(few, open_cache(cache_dir), Path(out), device)[:4]
            started = time.perf_counter()
            run_jobs(train_fold, jobs, workers, lambda _: None)
            taken[workers] = time.perf_counter() - started
    return [("folds: four, two processes", f"{taken[2]:.1f} s", f"{taken[1] / taken[2]:.2f}")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device, run = choose_device(options.device), read_run(options.run)
    torch.set_num_threads(1)  # as training does
    lines = loading(open_features(open_cache(options.cache), run), options.rows, device)
    lines += step(run, options.cache, device)
    if device.type == "cpu":
        lines += folds(run, options.cache, device)
    for name, found, ratio in lines:
        print(f"{name:<42} {found:>20}   {ratio}")


if __name__ == "__main__":
    main()

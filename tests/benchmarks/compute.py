"""Each way to compute a training step beside the one that the presets take on a CPU.

Over the same few batches, in turns: float32 as written; attention in parts in place of torch's
fused function; bfloat16; blocks compiled, with what compiling costs from an empty cache of the
compiler's; and how far the gradient of bfloat16 is from that of float32, without dropout. The
optimiser alone, over the same gradient: one weight tensor after another, all together, and fused.
"""

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

import torch
from plain_layers import written_out
from steps import gradients, new_course, steps
from timing import Clock, Lines, Work, fastest
from torch import Tensor

from training.cache import open_cache
from training.data import epoch_rows
from training.feed import feed
from training.fold import FoldData, open_fold
from training.jobs import plan
from training.models.attention import MultiHeadAttention
from training.normalise import Rows
from training.settings import RunSettings

ADAM_STEPS = 50
ADAMS = {"one by one": {"foreach": False}, "together": {"foreach": True}, "fused": {"fused": True}}


def compute(
    run: RunSettings, cache_dir: Path, device: torch.device, clock: Clock, *, batches: int
) -> Lines:
    """Milliseconds a step of each way, over so many batches of an epoch."""
    run = replace(run, training=replace(run.training, precision="float32", compile=None))
    data = open_fold(plan(run, open_cache(cache_dir), Path("unused"), device)[0])
    shown = epoch_rows(data.features, data.train_rows, run, 0, 0, 1)[:batches]
    fed = partial(ready, data, shown, device)
    half, compiled = (
        changed(run, **c) for c in ({"precision": "bfloat16"}, {"compile": "default"})
    )
    few = replace(data, features=replace(data.features, few_sizes=True))
    works: dict[str, Work] = {
        "float32 as written": training(run, data, fed, device),
        "attention in parts": in_parts(training(run, data, fed, device)),
        "bfloat16": training(half, data, fed, device),
        "compiled": training(compiled, few, partial(ready, few, shown, device), device),
    }
    cost = cost_of_compiling(works["compiled"])
    best = fastest(works, device, clock)
    name = f"{run.name} ({weights(run, data, device) / 1e6:.1f} M)"
    lines: Lines = [
        (
            f"{name}: {way}",
            f"{1000 * s / len(shown):.0f} ms a step",
            beside(best["float32 as written"] / s),
        )
        for way, s in best.items()
    ]
    lines.append(
        (
            f"{name}: compiling",
            f"{cost:.0f} CPU seconds",
            "once, from an empty cache of the compiler",
        )
    )
    lines += [
        (f"{name}: {line[0]}", *line[1:]) for line in optimisers(run, data, fed, device, clock)
    ]
    return [*lines, (f"{name}: bfloat16 gradient", *apart(run, half, data, fed, device))]


def changed(run: RunSettings, **training: object) -> RunSettings:
    return replace(run, training=replace(run.training, **training))


def ready(data: FoldData, shown: list[Rows], device: torch.device) -> Iterable[object]:
    return feed(data.features, shown, data.normalise, device)


def training(
    run: RunSettings, data: FoldData, fed: Callable[[], Iterable[object]], device: torch.device
) -> Work:
    course = new_course(run, data, device)
    return lambda: steps(course, data, fed())


def in_parts(work: Work) -> Work:
    def inside() -> Iterable[object]:
        with written_out(MultiHeadAttention):
            yield from work()

    return inside


def cost_of_compiling(work: Work) -> float:
    """Seconds of all processors that the first pass takes beyond the second."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder  # empty
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # here, so that it is counted
        first, second = (cpu_seconds(work) for _ in range(2))
    return first - second


def cpu_seconds(work: Work) -> float:
    before = spent()
    for _ in work():
        pass
    return spent() - before


def spent() -> float:
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def optimisers(
    run: RunSettings,
    data: FoldData,
    fed: Callable[[], Iterable[object]],
    device: torch.device,
    clock: Clock,
) -> Lines:
    """A step of Adam by itself."""
    course = new_course(run, data, device)
    next(iter(gradients(course, data, fed())))
    kind = type(course.optimiser)
    trained = [p for p in course.model.parameters() if p.grad is not None]

    def many(optimiser: torch.optim.Optimizer) -> Work:
        return lambda: (optimiser.step() for _ in range(ADAM_STEPS))

    works = {name: many(kind(trained, lr=0.0, **how)) for name, how in ADAMS.items()}
    best = fastest(works, device, clock)
    return [
        (f"Adam, {name}", f"{1000 * s / ADAM_STEPS:.2f} ms a step", beside(best["one by one"] / s))
        for name, s in best.items()
    ]


def apart(
    run: RunSettings,
    half: RunSettings,
    data: FoldData,
    fed: Callable[[], Iterable[object]],
    device: torch.device,
) -> tuple[str, str]:
    """How far the gradient of bfloat16 is from that of float32: the whole, and along the latter."""
    without = (replace(r, model=replace(r.model, dropout=0.0)) for r in (run, half))
    exact, found = (slopes(r, data, fed, device) for r in without)
    whole = [((f - e).norm() / e.norm()).item() for f, e in zip(found, exact, strict=True)]
    along = [abs((f @ e / (e @ e)).item() - 1) for f, e in zip(found, exact, strict=True)]
    return f"{min(whole):.1%} to {max(whole):.1%} off", f"along it {max(along):.2%} at most"


def slopes(
    run: RunSettings,
    data: FoldData,
    fed: Callable[[], Iterable[object]],
    device: torch.device,
) -> list[Tensor]:
    course = new_course(run, data, device)
    weights = list(course.model.parameters())
    return [
        torch.cat([p.grad.flatten() for p in weights if p.grad is not None])
        for _ in gradients(course, data, fed())
    ]


def weights(run: RunSettings, data: FoldData, device: torch.device) -> int:
    return sum(p.numel() for p in new_course(run, data, device).model.parameters())


def beside(ratio: float) -> str:
    return f"{ratio:.2f} times as fast"

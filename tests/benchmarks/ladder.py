"""A training epoch made faster step by step, from what one writes first to what ours can do.

The first steps read a list in memory with a DataLoader; each step keeps what those before it
changed. The share of the peak is that of a large product of bfloat16 matrices on the same device.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from plain_layers import written_out
from steps import new_course, steps
from timing import ROUNDS, Lines, seconds
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from training.batch import Batch
from training.cache import open_cache
from training.data import epoch_rows
from training.draw import cut
from training.feed import feed
from training.fold import FoldData, open_fold
from training.jobs import plan
from training.models.attention import MultiHeadAttention
from training.models.norm import MaskedBatchNorm
from training.normalise import Rows
from training.settings import RunSettings
from training.train_settings import Compiled, Precision

BOTH = (MultiHeadAttention, MaskedBatchNorm)
Epoch = Callable[[], Iterator[Batch]]


@dataclass(frozen=True)
class Rung:
    """One step: how batches come, which layers are written out, how it is computed."""

    name: str
    epoch: Epoch
    plain: tuple[type, ...] = ()
    precision: Precision = "float32"
    compile: Compiled | None = None


def ladder(run: RunSettings, cache_dir: Path, device: torch.device, *, batches: int) -> Lines:
    """Utterances per second of each step, over so many batches of an epoch.

    On a CPU without the last two, which are for a GPU and take minutes to compile there.
    """
    data = open_fold(plan(run, open_cache(cache_dir), Path("unused"), device)[0])
    found: dict[str, float] = {}
    flops = 0
    shown = epoch_rows(data.features, data.train_rows, run, 0, 0, 1)[:batches]
    count = sum(map(len, shown))
    for rung in rungs(data, shown, device):
        found[rung.name], counted = measure(rung, run, data, device)
        flops = counted or flops  # what is compiled is not counted again
    first = next(iter(found.values()))
    lines = [
        (f"ladder: {name}", f"{count / s:.0f} utterances/s", f"{first / s:.1f} times the first")
        for name, s in found.items()
    ]
    best = min(found.values())
    reached, peak = flops / best, peak_flops(device)
    share = f"{reached / peak:.1%} of {peak / 1e12:.2f} Tflop/s in bfloat16"
    return [*lines, ("ladder: arithmetic", f"{reached / 1e12:.3f} Tflop/s", share)]


def rungs(data: FoldData, shown: Sequence[Rows], device: torch.device) -> list[Rung]:
    """All steps for the same utterances."""
    rows = np.concatenate(shown)
    mixed = np.random.default_rng(0).permutation(rows)
    longest = int(data.features.lengths(rows).max())
    size = len(shown[0])

    def fed(data: FoldData) -> Epoch:
        return lambda: feed(data.features, shown, data.normalise, device)

    few = replace(data, features=replace(data.features, few_sizes=True))
    at_first = listed(data, cut(mixed, size), longest, device)
    steps = [
        Rung("DataLoader, padded to the longest", at_first, BOTH),
        Rung("+ like lengths together", listed(data, shown, None, device), BOTH),
        Rung("+ the cache, on a GPU resident", fed(data), BOTH),
        Rung("+ attention and norm of ours", fed(data)),
        Rung("+ bfloat16", fed(data), precision="bfloat16"),
    ]
    if device.type == "cuda":
        for mode in ("default", "reduce-overhead"):
            name = f"+ compiled, {mode}"
            steps.append(Rung(name, fed(few), precision="bfloat16", compile=mode))
    return steps


def listed(
    data: FoldData, batches: Sequence[Rows], longest: int | None, device: torch.device
) -> Epoch:
    """A list of spectrograms in memory behind a DataLoader; other inputs as ours."""
    mel = data.features.mel
    assert mel is not None, "the run needs audio"
    assert data.normalise is not None
    mean, std = data.normalise.mean[0], data.normalise.std[0]
    held = [mel.values[a:b].cpu() for a, b in pairwise(mel.offsets.tolist())]
    others = replace(data.features, mel=None)

    def collate(rows: list[int]) -> Batch:
        spectrograms = [(held[row].float() - mean) / std for row in rows]
        padded = pad_sequence(spectrograms, batch_first=True)
        if longest is not None:
            padded = F.pad(padded, (0, 0, 0, longest - padded.shape[1]))
        batch = others.collate(np.array(rows), None)
        lengths = torch.tensor([len(x) for x in spectrograms])
        return replace(batch, mel=padded, mel_len=lengths)

    order = [batch.tolist() for batch in batches]
    loader = DataLoader(range(len(held)), batch_sampler=order, collate_fn=collate)
    return lambda: (batch.to(device) for batch in loader)


def measure(
    rung: Rung, run: RunSettings, data: FoldData, device: torch.device
) -> tuple[float, int]:
    """Seconds of the fastest epoch, and the operations of one."""
    settings = replace(run.training, precision=rung.precision, compile=rung.compile)
    course = new_course(replace(run, training=settings), data, device)

    def epoch(within: AbstractContextManager[object]) -> float:
        with within, written_out(*rung.plain):
            return seconds(lambda: steps(course, data, rung.epoch()), device, time.perf_counter)

    counter = FlopCounterMode(display=False)
    epoch(nullcontext() if rung.compile else counter)  # which also warms up
    best = min(epoch(nullcontext()) for _ in range(ROUNDS))
    return best, counter.get_total_flops()


def peak_flops(device: torch.device) -> float:
    """Operations per second of a large product of bfloat16 matrices."""
    n = 8192 if device.type == "cuda" else 1024
    a = torch.ones(n, n, dtype=torch.bfloat16, device=device)
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.perf_counter()
        product = a @ a
        product[0, 0].item()  # waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * n**3 / best

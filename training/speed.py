"""How fast training goes, and what it waits for."""

import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

TRACED = 5  # steps
Item = TypeVar("Item")


@dataclass(frozen=True)
class Speed:
    """One epoch's training, without its validation."""

    utterances: int
    seconds: float
    waiting_s: float  # of them, until the next batch was there
    memory_mib: float  # most that this process (on CUDA: its tensors on the GPU) ever took

    @property
    def utterances_per_s(self) -> float:
        """How many a second were trained on."""
        return self.utterances / self.seconds

    @property
    def waiting_share(self) -> float:
        """Share of the time that went into waiting for data."""
        return self.waiting_s / self.seconds

    def __str__(self) -> str:
        return (
            f"{self.utterances_per_s:.0f} utterances/s, {self.waiting_share:.1%} waiting for data, "
            f"{self.memory_mib:.0f} MiB"
        )


class Stopwatch:
    """Times an epoch, and in it the wait for each batch."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.waiting_s = 0.0
        self.started = time.perf_counter()

    def waits(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items as they come, with the time that they take to come counted."""
        source = iter(items)
        while True:
            asked = time.perf_counter()
            item = next(source, None)
            self.waiting_s += time.perf_counter() - asked
            if item is None:
                return
            yield item

    def read(self, utterances: int) -> Speed:
        """The speed since the start, once the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        seconds = time.perf_counter() - self.started
        return Speed(utterances, seconds, self.waiting_s, _memory_mib(self.device))


def overall_speed(speeds: Iterable[Speed]) -> Speed:
    """Several epochs together, as if they had followed each other."""
    held = list(speeds)
    return Speed(
        utterances=sum(s.utterances for s in held),
        seconds=sum(s.seconds for s in held),
        waiting_s=sum(s.waiting_s for s in held),
        memory_mib=max(s.memory_mib for s in held),
    )


def traced(items: Iterable[Item], path: Path | None) -> Iterator[Item]:
    """The items, and a trace of what happens from the third on, for Chrome or TensorBoard.

    Of fewer there is none, which a line on stderr tells.
    """
    if path is None:
        yield from items
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.profiler.profile(
        schedule=torch.profiler.schedule(wait=1, warmup=1, active=TRACED, repeat=1),
        on_trace_ready=lambda profiler: profiler.export_chrome_trace(str(path)),
    ) as profiler:
        for item in items:
            yield item
            profiler.step()
    if (n := profiler.step_num) < 3:
        told = f"nothing is traced: the trace begins at the third batch, and an epoch has {n}"
        sys.stderr.write(f"{path}: {told}\n")


def _memory_mib(device: torch.device) -> float:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB here

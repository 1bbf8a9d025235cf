"""How long work takes, measured in turns, so that what else the machine does meets all alike."""

import time
from collections.abc import Callable, Iterable

import torch

ROUNDS = 5  # in turns; the fastest counts
Work = Callable[[], Iterable[object]]
Lines = list[tuple[str, str, str]]  # what, found, beside what
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


def seconds(work: Work, device: torch.device, clock: Clock) -> float:
    """Until all that the work yields is there."""
    started = clock()
    for _ in work():
        pass
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - started


def fastest(works: dict[str, Work], device: torch.device, clock: Clock) -> dict[str, float]:
    """The best time of each."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(seconds(work, device, clock))
    return {name: min(found) for name, found in times.items()}

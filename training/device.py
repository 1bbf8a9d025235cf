"""Where and how precisely to compute, from which seed, with how many threads."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA when there is one, else the CPU; any other name is taken as torch takes it.

    Raises:
        ValueError: the device does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"no device {name!r}: use auto, cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device {name!r} was asked for, but torch finds no CUDA here: use auto or cpu"
        )
    return device


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where CUDA computes, plain float32 on the CPU."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


@contextmanager
def own_chance(seed: int) -> Iterator[None]:
    """Inside, torch starts from `seed` and uses one thread; after, all is as before.

    The number of threads decides the order of sums and with it the last bits, so it must be the
    same for all. Two are 1.3 times as fast on two idle cores and 30 times slower on busy ones,
    where they spin waiting for each other; several folds keep several cores busy anyway.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)

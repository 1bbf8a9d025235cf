"""Where and how precisely to compute, from which seed, with how many threads."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.distributed import world_size
from training.processors import processors
from training.train_settings import Precision

_ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA when there is one, else the CPU; else `cpu`, `cuda` or `cuda:<number>`.

    Raises:
        ValueError: the device does not exist here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"no device {name!r}: use auto, cpu or cuda") from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device {name!r} is not supported: use auto, cpu or cuda")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device {name!r} was asked for, but torch finds no CUDA here: use auto or cpu"
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"no device {name!r}: torch finds {torch.cuda.device_count()} here")
    return device


def default_workers(device: torch.device) -> int:
    """How many folds to train at once: one on CUDA, whose memory they would share, or by several
    processes together, else as many as there are processors for this process."""
    return 1 if device.type == "cuda" or world_size() > 1 else processors()


def precision(device: torch.device, wanted: Precision) -> str:
    """In which numbers the passes through a model are computed."""
    if wanted == "auto":
        return "bfloat16" if device.type == "cuda" else "float32"
    return wanted


@contextmanager
def autocast(device: torch.device, wanted: Precision) -> Iterator[None]:
    """The passes inside are computed in the precision that is wanted.

    On CUDA without cuDNN's attention, which torch prefers on some GPUs: it makes a plan for each
    new shape, and almost every batch has another.
    """
    with ExitStack() as inside:
        if device.type == "cuda":
            inside.enter_context(sdpa_kernel(_ATTENTION))
        if precision(device, wanted) == "bfloat16":
            inside.enter_context(torch.autocast(device.type, dtype=torch.bfloat16))
        yield


@contextmanager
def own_chance(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Inside, torch starts from `seed` and uses one thread; after, all is as before.

    Of all GPUs that is promised for `device` alone: asking any other for its state would take up
    some of its memory.

    The number of threads decides the order of sums and with it the last bits, so it must be the
    same for all. Two are 1.3 times as fast on two idle cores and 30 times slower on busy ones,
    where they spin waiting for each other; several folds keep several cores busy anyway.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng([] if device is None or device.type == "cpu" else [device]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)

"""Several processes that train one model, started by `torchrun`; in a single one all is a no-op.

Every process draws the same joint batches and takes its share of each. What the loss needs of the
others (answers, features, sums of batch norm) is exchanged, so that each computes the loss of the
joint batch: the same as one process would.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.nn.functional as dist_nn
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

Item = TypeVar("Item")
PATIENCE = timedelta(seconds=60)  # after which a process that hears nothing of another gives up


@contextmanager
def group(device: str) -> Iterator[None]:
    """Inside, the processes that `torchrun` started know each other.

    Args:
        device: where they compute; a group on a CPU talks by gloo, on GPUs by NCCL

    Raises:
        ConnectionError: another process ended, or was silent for longer than `PATIENCE`.
    """
    if "WORLD_SIZE" not in os.environ or dist.is_initialized():
        yield
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # `cuda` now means this one
    dist.init_process_group("nccl" if on_gpu else "gloo", timeout=PATIENCE)
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        raise ConnectionError(
            f"process {rank()} of {world_size()} stops, as another one ended or does not answer; "
            f"what that one said tells why ({error})"
        ) from error
    dist.destroy_process_group()  # not after an error: it could wait for those that wait for this


def world_size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_writer() -> bool:
    """Whether this process writes the files."""
    return rank() == 0


def wait_for_all() -> None:
    """Go on once every process is here."""
    if world_size() > 1:
        dist.barrier()


def own_names() -> tuple[int, ...]:
    """What sets the chance of this process apart from that of the others."""
    return (rank(),) if world_size() > 1 else ()


def share(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """This process's rows of a joint batch: every `world_size`-th, from `rank`."""
    return rows[rank() :: world_size()]


def wrap(model: nn.Module, *, all_used: bool) -> nn.Module:
    """The model, with gradients that are means over all processes.

    Args:
        all_used: each parameter gets a gradient in each step
    """
    if world_size() == 1:
        return model
    return DistributedDataParallel(
        model, broadcast_buffers=False, find_unused_parameters=not all_used
    )


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside what `wrap` made of it."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def gather(own: Tensor, joint: int) -> Tensor:
    """The rows of all processes in the order of the joint batch, with a gradient for one's own.

    All compute the same loss from them, and then take the mean of their gradients; a process's rows
    get the whole of theirs.

    Shape:
        own: (n, ...) as `share` cuts a batch of `joint`; output: (joint, ...)
    """
    if world_size() == 1:
        return own
    assert joint >= world_size(), "each process needs a row"
    gathered: Tensor = _Gather.apply(own, joint)  # type: ignore[no-untyped-call]
    return gathered


def sum_over_processes(own: Tensor) -> Tensor:
    """The sum over all processes, with its gradient; same shape."""
    if world_size() == 1:
        return own
    summed: Tensor = dist_nn.all_reduce(own)  # type: ignore[no-untyped-call]
    return summed


def exchange(own: Item) -> list[Item]:
    """What each process has, in the order of their ranks; for values on the host."""
    if world_size() == 1:
        return [own]
    held: list[Any] = [None] * world_size()
    dist.all_gather_object(held, own)
    return held


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, joint: int) -> Tensor:
        ranks = world_size()
        ctx.rank, ctx.ranks = rank(), ranks
        most = -(-joint // ranks)
        padded = own.new_zeros(most, *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in range(ranks)]
        dist.all_gather(parts, padded)
        return torch.stack(parts, dim=1).flatten(0, 1)[:joint]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks * gradients[0][ctx.rank :: ctx.ranks], None

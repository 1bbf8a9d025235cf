"""Too little memory, and how large a batch it holds."""

import gc
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

LEAST = 2  # batch norm and the contrastive loss need neighbours


@contextmanager
def explain_memory(batch_size: int, work: Callable[[int], None] | None = None) -> Iterator[None]:
    """Inside, too little memory, of a GPU or of the machine, is a `ValueError` with a way out.

    Args:
        work: what needs the memory, done for a batch of a given size; the error then names the
            largest that fits, else half of what did not
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_short(error):
            raise
        where = "of the GPU" if isinstance(error, torch.OutOfMemoryError) else "here"
        traceback.clear_frames(error.__traceback__)  # they hold what filled the memory
        fits = None if work is None else largest_that_fits(work, batch_size)
        raise ValueError(
            f"the memory {where} does not hold a batch of {batch_size}: {_advice(batch_size, fits)}"
        ) from error


def is_short(error: RuntimeError | MemoryError) -> bool:
    """Whether an error of torch, or of NumPy or Python, says that there is too little memory."""
    short = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return short or "can't allocate memory" in str(error)


def largest_that_fits(work: Callable[[int], None], batch_size: int) -> int:
    """The largest size below `batch_size` that work can be done for; 0 if not even 2."""
    fits, too_large = LEAST - 1, batch_size
    while too_large - fits > 1:
        size = (fits + too_large) // 2
        if _fits(work, size):
            fits = size
        else:
            too_large = size
    return fits if fits >= LEAST else 0


def _fits(work: Callable[[int], None], size: int) -> bool:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        work(size)
    except (RuntimeError, MemoryError) as error:
        if not is_short(error):
            raise
        traceback.clear_frames(error.__traceback__)
        return False
    return True


def _advice(batch_size: int, fits: int | None) -> str:
    if fits is None:
        half = max(LEAST, batch_size // 2)
        return f"try training.batch_size {half}, or fewer workers if there are several"
    if fits == 0:
        return "nor the smallest one of 2: take a smaller model, or a machine with more"
    return (
        f"the largest that fits is training.batch_size {fits}, of the longest utterances; or use "
        "fewer workers if there are several"
    )

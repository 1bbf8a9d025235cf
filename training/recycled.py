"""Memory for one batch after another, used again once nothing holds the last one."""

import math
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Recycled:
    """Uninitialised tensors in blocks of memory that are kept.

    Fresh memory comes page by page at the first touch, which takes several times as long as
    writing to it. A block is used again when the last tensor in it is gone, a view or one that a
    gradient waits for included; so there are as many blocks as batches held at once.
    """

    def __init__(self) -> None:
        self._blocks: list[tuple[NDArray[np.uint8], weakref.ref[Any]]] = []

    def __call__(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """A tensor of this shape, holding anything."""
        size = math.prod(shape) * dtype.itemsize
        free = [i for i, (_, user) in enumerate(self._blocks) if user() is None]
        fitting = [i for i in free if self._blocks[i][0].nbytes >= size]
        block = self._blocks[fitting[0]][0] if fitting else np.empty(size, np.uint8)
        part = block[:size]  # torch holds this view for as long as any tensor lies in it
        entry = (block, weakref.ref(part))
        if fitting:
            self._blocks[fitting[0]] = entry
        elif free:  # too small: the larger one takes its place
            self._blocks[free[0]] = entry
        else:
            self._blocks.append(entry)
        return torch.from_numpy(part).view(dtype).view(*shape)

    def __reduce__(self) -> tuple[type["Recycled"], tuple[()]]:
        return Recycled, ()  # another process begins with none

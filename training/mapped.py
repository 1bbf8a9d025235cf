"""Tensors of a safetensors file as a read-only memory map.

The library's own `safe_open` maps a file as memory that could be written to, for which the system
wants to have room: a file larger than the memory cannot be opened so.
"""

import json
import math
import mmap
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
}
_HEAD = 8  # bytes with the length of the JSON that follows


def map_tensors(path: Path) -> dict[str, Tensor]:
    """Every tensor of a file, not to be written to.

    Raises:
        ValueError: the file is not whole, or not of this format.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(_HEAD), "little")
        start = _HEAD + length
        if not 2 <= length <= size - _HEAD:
            raise ValueError(f"{size} bytes, whose header would be {length} long")
        entries: dict[str, Any] = json.loads(file.read(length))
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    entries.pop("__metadata__", None)
    found = {name: _tensor(mapped, start, name, entries[name]) for name in sorted(entries)}
    if (end := start + max((e["data_offsets"][1] for e in entries.values()), default=0)) != size:
        raise ValueError(f"{size} bytes, its header tells of {end}")
    return found


def _tensor(mapped: mmap.mmap, start: int, name: str, entry: dict[str, Any]) -> Tensor:
    dtype, shape = DTYPES.get(entry["dtype"]), entry["shape"]
    if dtype is None:
        raise ValueError(f"{name} has the type {entry['dtype']}, expected one of {list(DTYPES)}")
    first, end = entry["data_offsets"]
    count = math.prod(shape)
    if end - first != count * dtype.itemsize or start + end > len(mapped):
        raise ValueError(f"{name} of shape {shape} does not fit bytes {first}..{end} of the file")
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    with warnings.catch_warnings():  # that it cannot be written to is what is wanted
        warnings.filterwarnings("ignore", message="The given buffer is not writable")
        return torch.frombuffer(mapped, dtype=dtype, count=count, offset=start + first).view(shape)

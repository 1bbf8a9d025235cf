"""Safetensors files whose values are written in place, in any order.

The shapes are known before the values, so the file is laid out first and then filled through a
memory map: what is in memory at once is what one shard holds, however large the file.

Layout (github.com/huggingface/safetensors, "Format"): eight bytes with the length of the header
(little endian), the header as JSON padded with spaces, then the raw values without gaps.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CODES = {
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
    "int32": "I32",
    "int64": "I64",
    "uint8": "U8",
}
ALIGNMENT = 8  # bytes; the widest value we store


@contextmanager
def writing(
    path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...]]]
) -> Iterator[dict[str, NDArray[Any]]]:
    """Writable arrays, zero at first, that become the tensors of the file.

    Args:
        tensors: name -> (NumPy dtype name, shape).

    Raises:
        KeyError: a dtype that is not in CODES.
    """
    # Widest values first, as the reference writer does it: every tensor then starts aligned.
    names = sorted(tensors, key=lambda name: (-np.dtype(tensors[name][0]).itemsize, name))
    ends = np.cumsum([0, *(_size(*tensors[name]) for name in names)]).tolist()
    header = _header({n: (*tensors[n], ends[i], ends[i + 1]) for i, n in enumerate(names)})
    with path.open("w+b") as file:
        file.write(header)
        file.truncate(len(header) + ends[-1])
        file.flush()
        whole = np.memmap(file, np.uint8, "r+")
        start = len(header)
        yield {
            name: whole[start + ends[i] : start + ends[i + 1]]
            .view(tensors[name][0])
            .reshape(tensors[name][1])
            for i, name in enumerate(names)
        }
        whole.flush()
        os.fsync(file.fileno())


def _size(dtype: str, shape: tuple[int, ...]) -> int:
    return int(np.dtype(dtype).itemsize * np.prod(shape, dtype=np.int64))


def _header(tensors: Mapping[str, tuple[str, tuple[int, ...], int, int]]) -> bytes:
    entries = {
        name: {"dtype": CODES[dtype], "shape": list(shape), "data_offsets": [start, end]}
        for name, (dtype, shape, start, end) in tensors.items()
    }
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return len(text).to_bytes(8, "little") + text

"""Digests of the rows and files of a tensor cache."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Shown = slice | NDArray[np.bool_]  # which rows of the index


def rows_digest(index: pa.Table, columns: Sequence[str], shown: Shown) -> hashlib.blake2b:
    """The state after some columns of the index, each of the rows `shown`; more may follow."""
    digest = hashlib.blake2b(digest_size=16)
    for name in columns:
        digest.update(column_bytes(index, name, shown))
    return digest


def column_bytes(index: pa.Table, name: str, shown: Shown) -> bytes:
    """The values of a column as text, a line per row."""
    values = np.array(index[name].to_pylist(), dtype=object)[shown]
    return "\n".join(map(str, values)).encode() + b"\0"


def file_digest(path: Path, size: int) -> str:
    """BLAKE2b of a file's bytes, `size` bytes as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=size)).hexdigest()

"""Numbers drawn from names: the same on every machine, in any order, with any library version."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def integer(name: str, low: int, high: int) -> int:
    """An integer of [low, high], both ends included, that depends on the name alone.

    >>> integer("a name", 10, 20) == integer("a name", 10, 20)
    True
    """
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return low + int.from_bytes(digest, "big") % (high - low + 1)


def uniform(name: str, shape: tuple[int, ...], std: float) -> NDArray[np.float32]:
    """Values spread evenly around zero, with the given standard deviation, that depend on the name.

    Sixteen bits each out of SHAKE-256 rather than a library's generator, whose stream may change
    with its version.

    Shape:
        returns: `shape`, float32, within std * [-sqrt(3), sqrt(3)]
    """
    count = int(np.prod(shape))
    stream = hashlib.shake_256(name.encode()).digest(2 * count)
    steps = np.frombuffer(stream, dtype="<u2").astype(np.float64)
    values: NDArray[np.float64] = ((steps + 0.5) / 32768 - 1) * std * np.sqrt(3)
    return values.astype(np.float32).reshape(shape)

"""Chance: what an epoch shows, and in which order, as a function of names and numbers alone."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

POOL_BATCHES = (
    4  # batches cut from one sorted stretch: enough to save padding, few enough to keep chance
)


def seed_of(*names: object) -> int:
    """A 63-bit seed from what it is for, the same on every machine.

    >>> seed_of("dropout", 0, 1) == seed_of("dropout", 0, 1) != seed_of("dropout", 1, 1)
    True
    """
    text = "/".join(str(name) for name in names)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def draw_views(
    rows: NDArray[np.int64],
    view_rows: Sequence[NDArray[np.int64]],
    probability: float,
    seed: int,
) -> NDArray[np.int64]:
    """For each utterance its own row or, with the given probability, the row of one of its views.

    An utterance chooses evenly among the views it has; with none it shows its original.

    Shape:
        rows: (n,) original rows; view_rows: per view (n,) rows, -1 where it is missing; output:
            (n,)
    """
    if not view_rows:
        return rows
    generator = np.random.default_rng(seed)
    changed = generator.random(len(rows)) < probability
    pick = generator.random(len(rows))
    table = np.stack(view_rows, axis=1)  # (n, views)
    table = np.take_along_axis(table, np.argsort(table < 0, axis=1, kind="stable"), axis=1)
    present = (table >= 0).sum(axis=1)
    choice = np.minimum((pick * present).astype(np.int64), np.maximum(present - 1, 0))
    drawn = table[np.arange(len(rows)), choice]
    return np.where(changed & (present > 0), drawn, rows)


def draw_balanced(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """As many positions as there are, evenly from the classes that occur.

    A class runs through its own in random order, again and again when it is rare, and leaves some
    out when it is frequent.

    Shape:
        labels: (n,); output: (n,) positions
    """
    generator = np.random.default_rng(seed)
    classes = generator.permutation(np.unique(labels))  # chance decides who gets the remainder
    drawn = []
    for quota, label in zip(np.array_split(labels, len(classes)), classes, strict=True):
        own = np.flatnonzero(labels == label)
        rounds = -(-len(quota) // len(own))
        order = np.concatenate([generator.permutation(own) for _ in range(rounds)])
        drawn.append(order[: len(quota)])
    return np.concatenate(drawn)


def shuffled_batches(
    lengths: NDArray[np.int64], batch_size: int, least: int, seed: int
) -> list[NDArray[np.int64]]:
    """Every position once, in random batches of similar lengths.

    Positions are shuffled, sorted by length within stretches of some batches, cut, and the batches
    shuffled. The last partial batch stays unless it is smaller than `least`: from a single sample
    batch norm and contrast learn nothing.
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(lengths))
    stretch = POOL_BATCHES * batch_size
    pools = [order[i : i + stretch] for i in range(0, len(order), stretch)]
    order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    batches = cut(order, batch_size)
    if len(batches[-1]) < least:
        batches.pop()
    return [batches[i] for i in generator.permutation(len(batches))]


def sorted_batches(lengths: NDArray[np.int64], batch_size: int) -> list[NDArray[np.int64]]:
    """Every position once, by length: in scoring order does not matter and padding costs."""
    return cut(np.argsort(lengths, kind="stable"), batch_size)


def cut(order: NDArray[np.int64], batch_size: int) -> list[NDArray[np.int64]]:
    """Consecutive pieces of at most `batch_size`."""
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]

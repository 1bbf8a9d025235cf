"""Stratified draws from names: an order of utterances, any stretch of which is a fair sample.

Within each stratum (corpus and label) utterances are sorted by a hash of seed and name; the strata
are then merged so that the first m utterances hold of each stratum what Sainte-Laguë's method of
apportionment gives it of m seats (utterance r of a stratum of n is due at (r + 1/2) / n). That
method gives no stratum fewer seats of more, so stretches of the order can be cut off one by one.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Deck:
    """Utterances ready to be drawn.

    A unit is what stays together: utterances with the same audio, or cut from one file where they
    overlap.
    """

    unit: Indices  # [rows]
    order: Indices  # [units], sorted by stratum, then by hash
    stratum: Indices  # [units], in that order
    lot: npt.NDArray[np.uint64]  # [units], in that order: the hash


def shuffle(table: pa.Table, seed: int) -> Deck:
    """Sort utterances for drawing.

    Args:
        table: utt_id, corpus, label, audio_key, path, start_s, end_s; sorted by utt_id.
    """
    unit = _together(codes(table["audio_key"]), stretches(*spans(table)))
    leader = np.unique(unit, return_index=True)[1]  # the first utterance speaks for its unit
    joined = pc.binary_join_element_wise(table["corpus"], table["label"], "\n")
    stratum = codes(joined)[leader]
    names = table["utt_id"].take(pa.array(leader)).to_pylist()
    lot = np.fromiter((_lot(seed, name) for name in names), np.uint64, len(names))
    order = np.lexsort((lot, stratum))
    return Deck(unit, order, stratum[order], lot[order])


def places(deck: Deck, among: Mask) -> Indices:
    """Place of each chosen row in the fair order of the chosen rows; a unit has one place.

    Shape:
        among: [rows], n of them true -> [n], from 0 to n - 1
    """
    chosen = deck.unit[among]
    size = np.bincount(chosen, minlength=len(deck.order))[deck.order]
    here = size > 0
    size, stratum, lot = size[here], deck.stratum[here], deck.lot[here]
    total = np.bincount(stratum, weights=size)
    before = np.cumsum(size) - size
    first = np.r_[True, stratum[1:] != stratum[:-1]]
    within = before - before[first][np.cumsum(first) - 1]
    due = (within + size / 2) / total[stratum]
    merged = np.lexsort((lot, due))
    place = np.zeros(len(deck.order), np.int64)
    place[deck.order[here][merged]] = np.cumsum(size[merged]) - size[merged]
    return place[chosen]


def codes(names: pa.ChunkedArray) -> Indices:
    """A number for each different name, by first appearance."""
    encoded = names.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices, dtype=np.int64)


def spans(table: pa.Table) -> tuple[Indices, Indices]:
    """Where each utterance (corpus, path, start_s, end_s) begins and ends, on one line for all.

    Files lie on that line one behind the other. No start is the beginning of the file, no end is
    its end; times are rounded to milliseconds, so that neighbours do not overlap by a hair.
    """
    file = codes(pc.binary_join_element_wise(table["corpus"], table["path"], "\n"))
    start = pc.fill_null(table["start_s"], 0.0).to_numpy().round(3)
    end = pc.fill_null(table["end_s"], np.inf).to_numpy().round(3)
    times, rank = np.unique(np.concatenate([start, end]), return_inverse=True)
    return file * len(times) + rank[: len(file)], file * len(times) + rank[len(file) :]


def stretches(start: Indices, end: Indices) -> Indices:
    """A number for each stretch of sound without a gap: spans that overlap have the same.

    >>> stretches(np.array([0, 5, 3, 9]), np.array([4, 7, 5, 11]))
    array([0, 1, 0, 2])
    """
    order = np.argsort(start, kind="stable")
    heard = np.maximum.accumulate(end[order])  # up to here
    stretch = np.zeros(len(order), np.int64)
    stretch[order[1:]] = np.cumsum(start[order][1:] >= heard[:-1])
    return stretch


def _together(one: Indices, other: Indices) -> Indices:
    """A number from 0 for each group of rows that `one` or `other` join, directly or in a chain."""
    group = one
    while True:
        joined = _least(_least(group, other), one)
        if (joined == group).all():
            return np.unique(group, return_inverse=True)[1].astype(np.int64)
        group = joined


def _least(values: Indices, code: Indices) -> Indices:
    """The least value among the rows of the same code."""
    least = np.full(int(code.max(initial=-1)) + 1, len(values))
    np.minimum.at(least, code, values)
    return least[code]


def _lot(seed: int, name: str) -> int:
    return int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "big")

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
    """Utterances ready to be drawn. A unit is what stays together: those with the same audio."""

    unit: Indices  # [rows]
    order: Indices  # [units], sorted by stratum, then by hash
    stratum: Indices  # [units], in that order
    lot: npt.NDArray[np.uint64]  # [units], in that order: the hash


def shuffle(table: pa.Table, seed: int) -> Deck:
    """Sort utterances (columns utt_id, corpus, label, audio_key; sorted by utt_id) for drawing."""
    unit = codes(table["audio_key"])
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


def _lot(seed: int, name: str) -> int:
    return int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "big")

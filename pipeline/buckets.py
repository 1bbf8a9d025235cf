"""Which shard a row lies in, and what the shard is called.

A row's bucket is hash(utt_id) mod N, with N the least power of two that keeps every bucket within
the target; a shard is named by its bucket and by all the rows it holds. Both are functions of the
set of wanted rows.
"""

from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.keys import digest
from pipeline.shard_files import FORMAT, Feature, ShardError


@dataclass(frozen=True)
class Shard:
    """A shard as it should be: rows `start` to `stop` of the plan."""

    name: str
    start: int
    stop: int


def arrange(feature: Feature, wanted: pa.Table) -> tuple[pa.Table, tuple[Shard, ...]]:
    """Sort the wanted rows into buckets, and name each bucket's shard.

    Raises:
        ShardError: two rows have the same ids.
    """
    columns = ["utt_id", feature.variant, "key"]
    if not len(wanted):
        return wanted.select(columns), ()
    ids = wanted["utt_id"].combine_chunks().dictionary_encode()
    hashes = np.array([_hash(i) for i in ids.dictionary.to_pylist()], dtype=np.uint64)
    row_hash = hashes[ids.indices.to_numpy()]
    buckets = _bucket_count(row_hash, feature.target_rows)
    bucket = (row_hash & np.uint64(buckets - 1)).astype(np.int64)
    order = pc.sort_indices(
        wanted.select(columns).append_column("bucket", pa.array(bucket)),
        [("bucket", "ascending"), ("utt_id", "ascending"), (feature.variant, "ascending")],
    )
    rows, bucket = wanted.select(columns).take(order), bucket[order.to_numpy()]
    _require_distinct(feature, rows)
    edges = np.flatnonzero(np.diff(bucket, prepend=-1, append=-1)).tolist()
    shards = (Shard(_name(bucket[a], rows.slice(a, b - a)), a, b) for a, b in pairwise(edges))
    return rows, tuple(shards)


def _require_distinct(feature: Feature, rows: pa.Table) -> None:
    """Sorted rows: equal ids would be neighbours.

    Raises:
        ShardError: two rows have the same ids.
    """
    same = pc.and_(
        *(
            pc.equal(rows[name].slice(1), rows[name].slice(0, len(rows) - 1))
            for name in ("utt_id", feature.variant)
        )
    )
    if pc.any(same).as_py():
        row = rows.slice(pc.index(same, True).as_py(), 1).to_pylist()[0]
        raise ShardError(
            f"{feature.name}: {row['utt_id']} ({row[feature.variant]}) is wanted twice"
        )


def _name(bucket: int, rows: pa.Table) -> str:
    """A shard's file name: its bucket, and a hash of the ids and keys it holds."""
    lines = pc.binary_join_element_wise(*rows.columns, "\0").to_pylist()
    return f"{bucket:05d}-{digest(str(FORMAT).encode(), *map(str.encode, lines))}.parquet"


def _hash(utt_id: str) -> int:
    return int.from_bytes(blake2b(utt_id.encode(), digest_size=8).digest(), "little")


def _bucket_count(row_hash: npt.NDArray[np.uint64], target_rows: int) -> int:
    """The least power of two whose fullest bucket holds at most `target_rows` rows.

    An utterance with more rows than that cannot be split: its bucket then stays larger.
    """
    buckets = 1
    while buckets < 2 * len(row_hash):
        fullest = np.bincount((row_hash & np.uint64(buckets - 1)).astype(np.int64)).max()
        if fullest <= target_rows:
            break
        buckets *= 2
    return buckets

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
    """Sort the wanted rows into buckets, and name each bucket's shard."""
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
    names = _row_names(feature, rows)
    edges = np.flatnonzero(np.diff(bucket, prepend=-1, append=-1)).tolist()
    shards = (
        Shard(f"{bucket[a]:05d}-{digest(str(FORMAT).encode(), *names[a:b])}.parquet", a, b)
        for a, b in pairwise(edges)
    )
    return rows, tuple(shards)


def _row_names(feature: Feature, rows: pa.Table) -> list[bytes]:
    """Ids and key of each row as bytes.

    Raises:
        ShardError: two neighbours have the same ids.
    """
    utt_ids, variants = rows["utt_id"].to_pylist(), rows[feature.variant].to_pylist()
    for i in range(1, len(utt_ids)):
        if utt_ids[i] == utt_ids[i - 1] and variants[i] == variants[i - 1]:
            raise ShardError(f"{feature.name}: {utt_ids[i]} ({variants[i]}) is wanted twice")
    keys = rows["key"].to_pylist()
    return [f"{u}\0{v}\0{k}".encode() for u, v, k in zip(utt_ids, variants, keys, strict=True)]


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

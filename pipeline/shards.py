"""The incremental runner: which rows of a feature run, and how they come to lie in shards.

    plan   compares the rows that are wanted with the keys the store has; changes nothing
    run    computes the rows whose key is missing, writes the new shards, then removes the old

A row is computed if and only if the store has no row of its key. A shard's bytes are a function of
the set of rows wanted, never of history: an incremental run leaves what a clean run would leave.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.backends import Spread
from pipeline.buckets import Shard, arrange
from pipeline.keys import digest
from pipeline.shard_files import (
    Feature,
    Indices,
    list_names,
    read_keys,
    read_rows,
    rearranged,
    write,
)

Compute = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True)
class Plan:
    """What a run would do. `rows` are all wanted rows (ids and key) in the order of the shards."""

    folder: Path
    feature: Feature
    rows: pa.Table
    shards: tuple[Shard, ...]  # all wanted
    present: frozenset[str]  # names of shards in the folder
    stock: tuple[Path, ...]  # the files that hold rows already
    stock_file: Indices  # [rows] index into `stock`; -1 = no row of this key is there
    stock_row: Indices  # [rows] row inside that file
    first: Indices  # [rows] its own index; for rows not there the first wanted one of its key
    dropped: int  # rows in the store that nobody wants any more

    @property
    def missing(self) -> Indices:
        """Rows to compute: those whose key the store lacks, each key once."""
        absent = self.stock_file < 0
        missing: Indices = np.flatnonzero(absent & (self.first == np.arange(len(absent))))
        return missing

    @property
    def reused(self) -> int:
        """How many wanted rows the store has already."""
        return int((self.stock_file >= 0).sum())

    @property
    def to_write(self) -> tuple[Shard, ...]:
        """Wanted shards that are not in the folder."""
        return tuple(s for s in self.shards if s.name not in self.present)

    @property
    def to_remove(self) -> tuple[str, ...]:
        """Shards in the folder that are not wanted."""
        return tuple(sorted(self.present - {s.name for s in self.shards}))

    @property
    def key(self) -> str:
        """Digest of all rows the store will hold."""
        return digest(*(s.name.encode() for s in self.shards))


def plan(folder: Path, feature: Feature, wanted: pa.Table) -> Plan:
    """Compare the rows wanted with the store; reads only the keys of what is there.

    Args:
        folder: the shards of one feature of one corpus
        wanted: utt_id, variant and key of every row the folder should hold, in any order

    Raises:
        ShardError: an id occurs twice; the folder holds something that is no shard of ours.
    """
    rows, shards = arrange(feature, wanted)
    present = list_names(folder)
    stock, stock_keys, stock_file, stock_row = _read_stock(folder, present)
    found = pc.index_in(rows["key"], value_set=stock_keys).combine_chunks()
    at = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Plan(
        folder=folder,
        feature=feature,
        rows=rows,
        shards=shards,
        present=frozenset(present),
        stock=stock,
        stock_file=np.append(stock_file, -1)[at],
        stock_row=np.append(stock_row, -1)[at],
        first=_first_of_same(rows["key"], np.flatnonzero(at < 0)),
        dropped=_count_unwanted(stock_keys, rows["key"]),
    )


def run(plan: Plan, inputs: pa.Table, compute: Compute, spread: Spread, batch_rows: int) -> None:
    """Compute the missing rows, write the missing shards, remove those no longer wanted.

    Args:
        inputs: what `compute` needs, one row for each of `plan.missing`, in that order
        compute: inputs of a few rows -> their payload, in the same order
        spread: a backend of `pipeline.backends`

    Killed at any point, it leaves whole shards only, and the next run goes on from those.
    """
    missing = plan.missing
    assert len(inputs) == len(missing), "one row of inputs for each row to compute"
    fresh = _Stream(spread(compute, _batches(inputs, batch_rows)), plan.feature.payload)
    plan.folder.mkdir(parents=True, exist_ok=True)
    for shard in plan.to_write:
        count = int(np.searchsorted(missing, shard.stop) - np.searchsorted(missing, shard.start))
        payload = _gather(plan, shard, fresh.take(count))
        ids = plan.rows.slice(shard.start, shard.stop - shard.start)
        write(plan.folder / shard.name, pa.Table.from_arrays(
            [*ids.combine_chunks().columns, *payload.columns], schema=plan.feature.schema
        ))  # fmt: skip
    for name in plan.to_remove:
        (plan.folder / name).unlink()


def _read_stock(
    folder: Path, names: list[str]
) -> tuple[tuple[Path, ...], pa.Array, Indices, Indices]:
    """The keys of all rows in the folder, with file and row of each."""
    paths = tuple(folder / name for name in names)
    keys = [read_keys(path) for path in paths]
    counts = np.array([len(k) for k in keys], dtype=np.int64)
    file = np.repeat(np.arange(len(paths)), counts)
    row = np.concatenate([np.arange(n) for n in counts]) if len(paths) else np.empty(0, np.int64)
    return paths, pa.concat_arrays(keys) if keys else pa.array([], pa.string()), file, row


def _first_of_same(keys: pa.ChunkedArray, absent: Indices) -> Indices:
    """For each row its own index; for absent ones that of the first row with the same key."""
    first: Indices = np.arange(len(keys), dtype=np.int64)
    if len(absent):
        codes = keys.take(pa.array(absent)).combine_chunks().dictionary_encode().indices.to_numpy()
        first[absent] = absent[np.unique(codes, return_index=True)[1]][codes]
    return first


def _count_unwanted(stock_keys: pa.Array, wanted: pa.ChunkedArray) -> int:
    return len(stock_keys) - int(pc.sum(pc.is_in(stock_keys, value_set=wanted)).as_py() or 0)


def _batches(inputs: pa.Table, batch_rows: int) -> Iterator[pa.Table]:
    for start in range(0, len(inputs), batch_rows):
        some = np.arange(start, min(start + batch_rows, len(inputs)))
        yield inputs.take(some)  # a copy: pickling a slice would carry the whole table


def _gather(plan: Plan, shard: Shard, fresh: pa.Table) -> pa.Table:
    """The payload of a shard's rows: fresh ones, ones in stock, ones written a moment ago."""
    rows = np.arange(shard.start, shard.stop)
    file, first = plan.stock_file[rows], plan.first[rows]
    is_fresh = (file < 0) & (first == rows)
    pieces, places = [fresh], [np.flatnonzero(is_fresh)]
    for number in np.unique(file[file >= 0]):
        here = np.flatnonzero(file == number)
        path = plan.stock[number]
        pieces.append(read_rows(path, plan.stock_row[rows[here]], plan.feature.payload.names))
        places.append(here)
    twins = np.flatnonzero((file < 0) & (first != rows))
    starts = np.array([s.start for s in plan.shards])
    owner = np.searchsorted(starts, first[twins], side="right") - 1
    for number in np.unique(owner):
        here = twins[owner == number]
        source = plan.shards[number]
        if source == shard:
            local = np.searchsorted(rows[is_fresh], first[here])
            pieces.append(fresh.take(local))
        else:
            path = plan.folder / source.name
            at = first[here] - source.start
            pieces.append(read_rows(path, at, plan.feature.payload.names))
        places.append(here)
    order = np.argsort(np.concatenate(places))
    return rearranged(pa.concat_tables(pieces), order).combine_chunks()


class _Stream:
    """The computed rows as they come, handed out by count."""

    def __init__(self, tables: Iterator[pa.Table], payload: pa.Schema) -> None:
        self.tables = tables
        self.held = payload.empty_table()

    def take(self, count: int) -> pa.Table:
        parts = [self.held]
        while sum(map(len, parts)) < count:
            part = next(self.tables)
            assert part.schema.equals(self.held.schema), "compute returned other columns"
            parts.append(part)
        table = pa.concat_tables(parts)
        self.held = table.slice(count)
        return table.slice(0, count)

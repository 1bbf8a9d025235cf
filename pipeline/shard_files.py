"""Shards as files: names, bytes, and the lock of their folder."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.files import TEMPORARY, appearing

FORMAT = 1  # part of every shard's name: a change of layout or encoding never re-uses old files
ROWS_PER_GROUP = 64  # readers that want few rows decode few
SHARD_NAME = re.compile(r"\d{5,}-[0-9a-f]{32}\.parquet")

Indices = npt.NDArray[np.int64]


class ShardError(ValueError):
    """The store's folder is not in a state that can be worked with."""


@dataclass(frozen=True)
class Feature:
    """How the rows of one feature look."""

    name: str
    variant: str  # the id column beside utt_id: "view" or "source"
    payload: pa.Schema  # the columns beside utt_id, variant and key
    target_rows: int  # a shard holds at most so many rows

    @property
    def schema(self) -> pa.Schema:
        """The columns of a shard: ids, key, payload."""
        ids = [pa.field(n, pa.string(), nullable=False) for n in ("utt_id", self.variant, "key")]
        return pa.schema([*ids, *self.payload])


def list_names(folder: Path) -> list[str]:
    """The shards in a folder, in order of their names.

    Raises:
        ShardError: something else lies there.
    """
    names = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
    strange = [n for n in names if not SHARD_NAME.fullmatch(n) and not n.startswith(TEMPORARY)]
    if strange:
        raise ShardError(f"{folder / strange[0]}: not a shard of this store; move it elsewhere")
    return [n for n in names if SHARD_NAME.fullmatch(n)]


def read_keys(path: Path) -> pa.Array:
    """The key of each row of a shard.

    Raises:
        ShardError: the file is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns=["key"])["key"].combine_chunks()
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise ShardError(
            f"{path}: not readable as a shard ({error}); delete it and run again, "
            "its rows will be computed anew"
        ) from error


def write(path: Path, table: pa.Table) -> None:
    """Write a shard: fixed format, so that equal rows give equal bytes."""
    ids = [name for name in table.schema.names if pa.types.is_string(table.schema.field(name).type)]
    with appearing(path) as temporary:
        pq.write_table(
            table.combine_chunks(),
            temporary,
            version="2.6",
            compression="zstd",
            compression_level=1,  # the arrays hardly shrink; more effort only costs time
            use_dictionary=False,
            write_statistics=ids,  # statistics of array elements are worthless and slow
            row_group_size=ROWS_PER_GROUP,
        )


def read_rows(path: Path, rows: Indices, columns: list[str]) -> pa.Table:
    """Some rows of a shard, in the order asked for; decodes only the row groups they lie in."""
    groups, inverse = np.unique(rows // ROWS_PER_GROUP, return_inverse=True)
    with pq.ParquetFile(path) as file:
        table = file.read_row_groups(groups.tolist(), columns=columns)
    return rearranged(table, inverse * ROWS_PER_GROUP + rows % ROWS_PER_GROUP)


def rearranged(table: pa.Table, rows: Indices) -> pa.Table:
    """As `table.take(rows)`, ten times as fast where many of the rows follow each other.

    `take` copies lists element by element. A shard that a few rows joined is mostly long stretches
    of one that was there, and a stretch is copied as a whole.
    """
    edges = np.flatnonzero(np.diff(rows, prepend=-2, append=-2) != 1)  # of stretches, and the end
    if len(edges) > len(rows) / 8:
        return table.take(rows)
    stretches = [table.slice(rows[a], b - a) for a, b in pairwise(edges)]
    return pa.concat_tables(stretches).combine_chunks()

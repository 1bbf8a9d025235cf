"""One corpus as a feature stage sees it: its name, its audio, its params and its rows so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.catalog import read_entry
from pipeline.corpora import root
from pipeline.devices import Speed
from pipeline.params import Params, ParamsError

Found = TypeVar("Found")
_SPEED = Speed()


@dataclass(frozen=True)
class Corpus:
    """A corpus of the params."""

    name: str
    params: Params
    speed: Speed = field(default=_SPEED, compare=False)
    known: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def once(self, what: str, find: Callable[[], Found]) -> Found:
        """What `find` returns, found out once for this corpus: as when models are hashed."""
        if what not in self.known:
            self.known[what] = find()
        found: Found = self.known[what]
        return found

    @classmethod
    def named(cls, name: str, params: Params, speed: Speed = _SPEED) -> "Corpus":
        """A corpus by its name.

        Raises:
            ParamsError: params.yaml has no such corpus.
        """
        if name not in params.corpora:
            known = ", ".join(params.corpora) or "none"
            raise ParamsError(f"corpora: found {name!r}, expected one of: {known}")
        return cls(name, params, speed)

    @property
    def root(self) -> Path:
        """The folder that the manifest's paths start from."""
        return root(self.params.corpora[self.name])

    def utterances(self, *columns: str) -> pa.Table:
        """Columns of the manifest, a row per utterance.

        Raises:
            FileNotFoundError: the manifest is not there yet.
        """
        path = layout.manifest(self.name)
        if not path.exists():
            raise FileNotFoundError(f"{path}: no manifest yet; run `vcemo manifest {self.name}`")
        return pq.read_table(path, columns=list(columns), partitioning=None)

    def rows(self, feature: str, *columns: str) -> pa.Table:
        """Columns of a feature's rows."""
        paths = read_entry(feature, self.name).shards
        tables = [pq.read_table(p, columns=list(columns), partitioning=None) for p in paths]
        nothing = pa.table({column: pa.array([], pa.string()) for column in columns})
        return pa.concat_tables(tables) if tables else nothing

    def located_rows(self, feature: str, *columns: str) -> pa.Table:
        """Columns of a feature's rows, and where each lies: `file` and `row` in that file."""
        paths = read_entry(feature, self.name).shards
        counts = [pq.read_metadata(path).num_rows for path in paths]
        file = np.repeat(np.arange(len(paths), dtype=np.int32), counts)
        files = pa.DictionaryArray.from_arrays(file, pa.array(paths, pa.string()))
        row = np.concatenate([np.arange(count) for count in (0, *counts)])
        return self.rows(feature, *columns).append_column("file", files).append_column("row", [row])


def look_up(table: pa.Table, ids: Sequence[str], rows: pa.Table) -> pa.Table:
    """The row of `table` with the same ids as each of `rows`; null where there is none."""
    found = pc.index_in(_joined(rows, ids), value_set=_joined(table, ids).combine_chunks())
    return table.take(found)


def _joined(rows: pa.Table, ids: Sequence[str]) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*(rows[name] for name in ids), "\0")

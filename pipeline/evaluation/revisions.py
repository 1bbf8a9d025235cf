"""Predictions and manifests of any commit, read from git and DVC; the working tree stays as it is.

all            a run of params.yaml, as it is now
HEAD~1         the runs of a commit: anything git knows, or the name of a DVC experiment
v1.0:all       one run of a commit
out/p.parquet  a file of predictions
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.evaluation.answers import Answers, AnswersError, read_answers
from pipeline.evaluation.sql import MACROS

NOW = "workspace"
NEEDED = {"run", "utt_id", "corpus", "speaker", "fold", "seed"}
NEEDED |= {"label", "prediction", "probabilities"}


class RevisionError(ValueError):
    """A run or revision that is not there."""


@dataclass(frozen=True)
class Snapshot:
    """The project at one commit, or as it is now."""

    name: str
    files: Any  # an fsspec file system rooted in the project
    at: str  # the commit in full; "" for now

    def runs(self) -> list[str]:
        """The runs that have predictions."""
        folder = layout.PREDICTIONS.as_posix()
        if not self.files.exists(folder):
            return []
        names = (Path(path) for path in self.files.ls(folder, detail=False))
        return sorted(path.stem for path in names if path.suffix == ".parquet")

    def table(self, path: Path) -> pa.Table:
        """A Parquet file.

        Raises:
            RevisionError: it is not there, or its content is not in DVC's cache or remote.
        """
        try:
            with self.files.open(path.as_posix(), "rb") as file:
                return pq.read_table(pa.BufferReader(file.read()))
        except FileNotFoundError as error:
            raise RevisionError(_gone(self, path)) from error

    def facts(self, run: str) -> dict[str, Any]:
        """What metrics.json says of a run; nothing where there is none."""
        path = layout.run_report(run) / "metrics.json"
        with suppress(FileNotFoundError), self.files.open(path.as_posix(), "r") as file:
            return dict(json.load(file))
        return {}

    def connection(self, runs: Iterable[str], *, utterances: bool, split: str | None = None) -> Any:
        """DuckDB with the views that evaluation reads; `splits` holds the one that is named.

        Raises:
            RevisionError: a file is not there.
        """
        predictions = {run: self.table(layout.predictions(run)) for run in runs}
        manifests = self._manifests() if utterances else []
        splits = {} if split is None else {split: self.table(layout.split(split))}
        return connect_tables(predictions, manifests, splits)

    def _manifests(self) -> list[pa.Table]:
        with self.files.open(layout.CATALOG.as_posix(), "r") as file:
            corpora = json.load(file)["corpora"]
        return [self.table(Path(p)) for c in corpora.values() for p in c["manifest"]["shards"]]


def snapshot(revision: str) -> Snapshot:
    """The project at a revision.

    Raises:
        RevisionError: git and DVC know no such revision.
    """
    if revision == NOW:
        from fsspec.implementations.local import LocalFileSystem

        return Snapshot(NOW, LocalFileSystem(), "")
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc.scm import RevError, SCMError, resolve_rev

    try:
        with Repo(".") as repo:
            commit = resolve_rev(repo.scm, revision)
        return Snapshot(revision, DVCFileSystem(url=".", rev=commit), commit)
    except (RevError, SCMError, DvcException) as error:
        raise RevisionError(
            f"{revision!r}: no run of params.yaml, and no revision that git or DVC knows ({error})"
        ) from error


def parse(text: str, runs: Iterable[str]) -> tuple[str, str | None]:
    """A revision and a run (None: not said) from what stands on the command line.

    >>> parse("all", ["all"]), parse("HEAD~1", ["all"]), parse("v1:all", [])
    (('workspace', 'all'), ('HEAD~1', None), ('v1', 'all'))
    """
    if text in runs:
        return NOW, text
    revision, colon, run = text.rpartition(":")
    return (revision or NOW, run) if colon else (text, None)


def answers_at(place: Snapshot, run: str) -> Answers:
    """The test answers of a run.

    Raises:
        RevisionError: the snapshot has no predictions of it.
        AnswersError: they cannot be scored.
    """
    if run not in (known := place.runs()):
        found = ", ".join(known) or "none; commit dvc.lock after `dvc repro` to compare later"
        raise RevisionError(f"{place.name}: no predictions of run {run!r}; found {found}")
    try:
        return read_answers(place.connection([run], utterances=False), run)
    except AnswersError as error:
        raise type(error)(f"{place.name}: {error}") from error


def connect_tables(
    predictions: Mapping[str, pa.Table],
    manifests: Sequence[pa.Table] = (),
    splits: Mapping[str, pa.Table] = MappingProxyType({}),
) -> Any:
    """DuckDB over tables in memory, with the views and aggregates that evaluation reads."""
    import duckdb

    connection = duckdb.connect(":memory:")
    for macro in MACROS:
        connection.execute(macro)
    rows = pa.concat_tables(
        [_named(run, table) for run, table in predictions.items()], promote_options="default"
    )
    connection.register("answered", rows)
    for view, subset in (("predictions", "test"), ("val_predictions", "val")):
        connection.execute(f"CREATE VIEW {view} AS FROM answered WHERE subset = '{subset}'")
    if manifests:
        connection.register("utterances", pa.concat_tables(manifests, promote_options="permissive"))
    if splits:
        parts = [t.append_column("split", [[n] * len(t)]) for n, t in splits.items()]
        connection.register("splits", pa.concat_tables(parts, promote_options="permissive"))
    return connection


def _named(run: str, table: pa.Table) -> pa.Table:
    """Predictions under the name they are asked by; older ones are of test parts alone."""
    if missing := NEEDED - set(table.column_names):
        raise AnswersError(f"run {run!r}: no predictions, they lack {', '.join(sorted(missing))}")
    names = pa.array([run] * len(table))
    table = table.set_column(table.column_names.index("run"), "run", names)
    if "subset" not in table.column_names:
        table = table.append_column("subset", pa.array(["test"] * len(table)))
    return table


def _gone(place: Snapshot, path: Path) -> str:
    if not place.files.exists(path.as_posix()):
        return f"{place.name}: {path} is not there"
    if not any(place.files.exists(name) for name in ("dvc.lock", f"{path.as_posix()}.dvc")):
        return f"{place.name}: no dvc.lock, so it holds no results; commit it after `dvc repro`"
    return (
        f"{place.name}: the content of {path} is neither in DVC's cache nor in a remote; "
        "run `dvc fetch --all-commits`, or `dvc repro` at that commit"
    )

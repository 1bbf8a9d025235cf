"""The audit of the splits that params.yaml asks for, over the corpora that have manifests."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.params import Params, ParamsError
from pipeline.splits import COLUMNS, SplitError, assign
from pipeline.splitting.audit import KINDS, Crossing, Total, audit, columns, totals


@dataclass(frozen=True)
class Audit:
    """What crosses in one split."""

    name: str
    protocol: str
    crossings: tuple[Crossing, ...]
    allowed: tuple[str, ...]  # kinds
    without: tuple[str, ...]  # corpora that have no manifest yet
    trouble: str | None = None  # why the split cannot be made, so that nothing is known of it

    @property
    def totals(self) -> list[Total]:
        """Over all folds, a line for each kind."""
        return totals(self.crossings)

    @property
    def faults(self) -> list[str]:
        """The kinds that cross and are not allowed to."""
        return [t.kind for t in self.totals if t.crossing and t.kind not in self.allowed]

    @property
    def whole(self) -> bool:
        """Whether all was looked at: the split could be made, of all corpora."""
        return self.trouble is None and not self.without


def audit_splits(params: Params, names: Iterable[str], allowed: Iterable[str]) -> list[Audit]:
    """Make the named splits (all, if none is named) anew from the manifests, and audit them.

    They are made and not read: so a split that the stage `split` refuses can be looked into. What
    is not there yet, or cannot be split, is told and does not keep the rest from being audited.

    Raises:
        ParamsError: there is no such split or kind, or no corpus.
        FileNotFoundError: no corpus has a manifest yet.
    """
    names, allowed = tuple(names) or tuple(params.splits), tuple(allowed)
    for what, asked, known in (("split", names, params.splits), ("kind", allowed, KINDS)):
        if strange := [name for name in asked if name not in known]:
            raise ParamsError(
                f"{what}: found {strange[0]!r}, expected one of: {', '.join(known) or 'none'}"
            )
    tables, without = _manifests(params)
    found = []
    for name in names:
        asked_for, trouble = params.splits[name], None
        try:
            crossings = tuple(audit(assign(tables, asked_for), tables))
        except SplitError as error:
            crossings, trouble = (), str(error)
        found.append(Audit(name, asked_for.protocol, crossings, allowed, without, trouble))
    return found


def _manifests(params: Params) -> tuple[list[pa.Table], tuple[str, ...]]:
    """The manifests that are there, and the corpora that have none."""
    paths = {corpus: layout.manifest(corpus) for corpus in params.corpora}
    if not paths:
        raise ParamsError("corpora: params.yaml has none, so there is nothing to split")
    without = tuple(corpus for corpus, path in paths.items() if not path.exists())
    if len(without) == len(paths):
        first = without[0]
        raise FileNotFoundError(f"{paths[first]}: no manifest yet; run `vcemo manifest {first}`")
    wanted = list(dict.fromkeys([*COLUMNS, "folds", *columns()]))
    there = [path for corpus, path in paths.items() if corpus not in without]
    return [pq.read_table(path, columns=wanted, partitioning=None) for path in there], without

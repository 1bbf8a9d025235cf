"""The audit of the splits that params.yaml asks for, over the corpora that have manifests."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow.parquet as pq

from pipeline import layout
from pipeline.params import Params, ParamsError
from pipeline.splits import COLUMNS, assign
from pipeline.splitting.audit import KINDS, Crossing, Total, audit, columns, totals


@dataclass(frozen=True)
class Audit:
    """What crosses in one split."""

    name: str
    protocol: str
    crossings: tuple[Crossing, ...]
    allowed: tuple[str, ...]  # kinds

    @property
    def totals(self) -> list[Total]:
        """Over all folds, a line for each kind."""
        return totals(self.crossings)

    @property
    def faults(self) -> list[str]:
        """The kinds that cross and are not allowed to."""
        return [t.kind for t in self.totals if t.crossing and t.kind not in self.allowed]


def audit_splits(params: Params, names: Iterable[str], allowed: Iterable[str]) -> list[Audit]:
    """Make the named splits (all, if none is named) anew from the manifests, and audit them.

    They are made and not read: so a split that the stage `split` refuses can be looked into.

    Raises:
        ParamsError: there is no such split or kind, or no corpus.
        FileNotFoundError: a corpus has no manifest yet.
        SplitError: the corpora cannot be split so.
    """
    names, allowed = tuple(names) or tuple(params.splits), tuple(allowed)
    for what, asked, known in (("split", names, params.splits), ("kind", allowed, KINDS)):
        if strange := [name for name in asked if name not in known]:
            raise ParamsError(
                f"{what}: found {strange[0]!r}, expected one of: {', '.join(known) or 'none'}"
            )
    paths = {corpus: layout.manifest(corpus) for corpus in params.corpora}
    if not paths:
        raise ParamsError("corpora: params.yaml has none, so there is nothing to split")
    for corpus, path in paths.items():
        if not path.exists():
            raise FileNotFoundError(f"{path}: no manifest yet; run `vcemo manifest {corpus}`")
    wanted = list(dict.fromkeys([*COLUMNS, "folds", *columns()]))
    tables = [pq.read_table(path, columns=wanted, partitioning=None) for path in paths.values()]
    return [
        Audit(
            name=name,
            protocol=params.splits[name].protocol,
            crossings=tuple(audit(assign(tables, params.splits[name]), tables)),
            allowed=allowed,
        )
        for name in names
    ]

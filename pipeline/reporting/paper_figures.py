"""The tables of the VCEMO paper: what it reports, and which of our runs stand beside it."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FIGURES = Path(__file__).with_name("paper_figures.toml")
SESSION = "session"  # key of figures that hold for both columns of Table 2

Cells = dict[str, tuple[str, ...]]  # row of a table -> runs


@dataclass(frozen=True)
class PaperParams:
    """Which runs fill the tables; a table without runs is left out.

    Raises:
        ValueError: a column or a row that its table does not have.
    """

    # What the runs are trained on: the paper's figures are its own result for that corpus alone.
    corpus: Literal["vcemo", "iemocap", "other"]
    table1: dict[str, Cells]  # column, here the number of classes -> row -> runs
    table2: dict[str, Cells]  # clean or paper -> row -> runs
    table3: dict[str, Cells]

    def __post_init__(self) -> None:
        """Check that columns and rows exist."""
        for name, table in paper_tables().items():
            for column, cells in self.of(name).items():
                _require_known(f"{name} has no column", column, table.columns)
                for row in cells:
                    _require_known(f"{name} has no row", row, table.rows)

    def of(self, table: str) -> dict[str, Cells]:
        """The runs of one table: column -> row -> runs."""
        found: dict[str, Cells] = getattr(self, table)
        return found

    @property
    def runs(self) -> list[str]:
        """All runs that are named."""
        tables = [self.of(name) for name in paper_tables()]
        return [
            run for t in tables for cells in t.values() for runs in cells.values() for run in runs
        ]


@dataclass(frozen=True)
class PaperRow:
    """A row as the paper prints it; scores in percent, in the order of the table's."""

    title: str
    published: Mapping[str, tuple[float, ...]]  # column -> scores
    printed: tuple[float, ...] | None  # where the paper prints something else by mistake
    misprint: str  # why it is one

    def beside(self, column: str) -> tuple[float, ...]:
        """The paper's scores for one of our columns."""
        return self.published[column if column in self.published else SESSION]


@dataclass(frozen=True)
class PaperTable:
    """One table of the paper."""

    title: str
    corpus: str
    columns: Mapping[str, str]  # name -> title
    scores: tuple[str, ...]
    note: str
    rows: Mapping[str, PaperRow]
    sessions: tuple[int, ...] | None  # utterances of each session of the corpus, where known
    counted: str  # all of them by classes


@functools.cache
def paper_tables() -> dict[str, PaperTable]:
    """The three tables, by name."""
    plain = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    return {name: _table(**table) for name, table in plain.items()}


def _table(
    title: str,
    corpus: str,
    columns: dict[str, str],
    scores: list[str],
    note: str,
    rows: dict[str, dict[str, object]],
    sessions: list[int] | None = None,
    counted: str = "",
) -> PaperTable:
    made = {name: _row(**row) for name, row in rows.items()}  # type: ignore[arg-type]
    known = None if sessions is None else tuple(sessions)
    return PaperTable(title, corpus, columns, tuple(scores), note, made, known, counted)


def _row(
    title: str,
    published: dict[str, list[float]],
    printed: list[float] | None = None,
    misprint: str = "",
) -> PaperRow:
    scores = {column: tuple(found) for column, found in published.items()}
    return PaperRow(title, scores, None if printed is None else tuple(printed), misprint)


def _require_known(what: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise ValueError(f"{what} {name!r}, expected one of: {', '.join(known)}")

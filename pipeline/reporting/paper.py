"""The paper's tables with our runs beside them: mean and deviation over seeds, in percent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.params import RunParams
from pipeline.reporting.context import Context
from pipeline.reporting.facts import read_metrics
from pipeline.reporting.paper_figures import PaperParams, PaperTable, paper_tables
from training import metrics

TITLES = {"wa": "WA", "ua": "UA", "f1_weighted": "F1"}


@dataclass(frozen=True)
class Measured:
    """A score of a run, in percent."""

    mean: float  # over seeds, each the mean of its folds
    seed_std: float | None  # of those means; None with one seed
    fold_std: float | None  # between folds, each the mean of its seeds; None with one fold
    pooled: float  # of all answers together


@dataclass(frozen=True)
class Line:
    """One run in a table, beside the row of the paper that it is compared with."""

    title: str
    run: str
    how: str  # size and preset
    seeds: int
    folds: int
    tested: tuple[int, ...]  # utterances of each fold
    ours: tuple[Measured, ...]  # in the order of the table's scores
    paper: tuple[float, ...]
    printed: tuple[float, ...] | None
    misprint: str


@dataclass(frozen=True)
class Table:
    """One table of the paper with our runs."""

    title: str
    beside: str  # heads the paper's figures: "paper", or "other corpus"
    scores: tuple[str, ...]  # titles
    columns: Mapping[str, tuple[Line, ...]]  # title -> lines
    note: str
    warning: str  # of runs beside the paper's figures that are not on all of its corpus, or empty
    protocols: tuple[str, ...]  # of the runs


def facts(context: Context) -> dict[str, Any] | None:
    """The tables that the params give runs to."""
    if context.report.paper is None:
        return None
    runs = {run.name: run.params for run in context.runs}
    return {"tables": make_tables(context.report.paper, runs)}


def make_tables(paper: PaperParams, runs: Mapping[str, RunParams]) -> list[Table]:
    """The tables, from the predictions of the runs.

    Raises:
        FileNotFoundError: a run has not been evaluated.
    """
    return [_table(t, paper, name, runs) for name, t in paper_tables().items() if paper.of(name)]


def measure(
    run: str, scores: tuple[str, ...]
) -> tuple[tuple[Measured, ...], int, int, tuple[int, ...]]:
    """Scores of the test parts of a run, its number of seeds, of folds, of utterances in each."""
    counts = _counts(run)  # (seeds, folds, classes, classes)
    each = np.array([[_scores(c, scores) for c in folds] for folds in counts])  # (.., .., scores)
    total = _scores(counts.sum(axis=(0, 1)), scores)
    found = tuple(
        Measured(
            mean=float(part.mean()),
            seed_std=_deviation(part.mean(axis=1)),
            fold_std=_deviation(part.mean(axis=0)),
            pooled=pooled,
        )
        for part, pooled in zip(np.moveaxis(each, 2, 0), total, strict=True)
    )
    tested = counts.sum(axis=(0, 2, 3)) // len(counts)
    return found, *each.shape[:2], tuple(map(int, tested))


def printed_tables(tables: list[Table]) -> Iterator[Any]:
    """The tables for a terminal, by rich."""
    from rich.box import SIMPLE
    from rich.table import Table as RichTable

    for table in tables:
        for title, lines in table.columns.items():
            heading = f"{table.title}\n{title}"
            shown = RichTable(title=heading, title_justify="left", box=SIMPLE, padding=(0, 1))
            shown.add_column("model (run)")
            for score in table.scores:
                shown.add_column(f"{score}\nours", justify="right", no_wrap=True)
                beside = table.beside.replace(" ", "\n")
                shown.add_column(f"{score}\n{beside}", justify="right", no_wrap=True)
            for line in lines:
                cells = zip(line.ours, line.paper, strict=True)
                scores = [text for ours, paper in cells for text in (_told(ours), f"{paper:.2f}")]
                mark = " *" if line.misprint else ""
                shown.add_row(f"{line.title} ({line.run}){mark}", *scores)
            if marked := [_misprinted(line) for line in lines if line.misprint]:
                shown.caption = marked[0]
                shown.caption_justify = "left"
            yield shown
        if table.warning:
            yield table.warning


def _table(
    paper: PaperTable, params: PaperParams, name: str, runs: Mapping[str, RunParams]
) -> Table:
    columns = {
        paper.columns[column]: tuple(
            _line(paper, row, column, run, runs[run])
            for row in paper.rows
            for run in cells.get(row, ())
        )
        for column, cells in params.of(name).items()
    }
    used = dict.fromkeys(line.run for lines in columns.values() for line in lines)
    own = paper.corpus == params.corpus
    return Table(
        title=paper.title,
        beside="paper" if own else "other corpus",
        scores=tuple(TITLES[score] for score in paper.scores),
        columns=columns,
        note=paper.note,
        warning=_incomplete(paper, columns) if own else "",
        protocols=tuple(sorted({_protocol(run, runs[run]) for run in used})),
    )


def _line(paper: PaperTable, row: str, column: str, run: str, params: RunParams) -> Line:
    ours, seeds, folds, tested = measure(run, paper.scores)
    printed = paper.rows[row]
    return Line(
        title=printed.title,
        run=run,
        how=f"{params.size}, {params.preset}",
        seeds=seeds,
        folds=folds,
        tested=tested,
        ours=ours,
        paper=printed.beside(column),
        printed=printed.printed,
        misprint=printed.misprint,
    )


def _incomplete(paper: PaperTable, columns: Mapping[str, tuple[Line, ...]]) -> str:
    """Says which runs were not tested on the sessions of the corpus as they are, where known."""
    if paper.sessions is None:
        return ""
    found = {line.run: line.tested for lines in columns.values() for line in lines}
    odd = [f"{run} on {_summed(n)}" for run, n in found.items() if n != paper.sessions]
    if not odd:
        return ""
    return (
        f"Not the paper's corpus as others use it, which is {paper.counted}, by session "
        f"{_summed(paper.sessions)}. Tested were {', '.join(odd)}: look for recordings that are "
        "missing or rejected, at the task and at the split."
    )


def _summed(parts: tuple[int, ...]) -> str:
    """The whole with its parts.

    >>> _summed((2, 3)), _summed((4,))
    ('5 (2 + 3)', '4')
    """
    told = " + ".join(map(str, parts))
    return f"{sum(parts)} ({told})" if len(parts) > 1 else told


def _counts(run: str) -> Any:
    """Confusion counts of the test answers; [seeds, folds, classes, classes]."""
    classes = list(read_metrics(run)["recall"])
    columns = ["fold", "seed", "subset", "label", "prediction"]
    table = pq.read_table(layout.predictions(run), columns=columns, partitioning=None)
    table = table.filter(pc.equal(table["subset"], "test"))
    seeds, seed = np.unique(table["seed"].to_numpy(), return_inverse=True)
    folds, fold = np.unique(table["fold"].to_numpy(), return_inverse=True)
    codes = [np.asarray(pc.index_in(table[c], pa.array(classes))) for c in ("label", "prediction")]
    counts = np.zeros((len(seeds), len(folds), len(classes), len(classes)), np.int64)
    np.add.at(counts, (seed, fold, *codes), 1)
    return counts


def _scores(counts: Any, names: tuple[str, ...]) -> list[float]:
    found = metrics.score(counts)
    return [100 * float(getattr(found, name)) for name in names]


def _deviation(values: Any) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _told(ours: Measured) -> str:
    if ours.seed_std is not None:
        return f"{ours.mean:.2f} ± {ours.seed_std:.2f}"
    return f"{ours.mean:.2f}" + (
        f" (folds ± {ours.fold_std:.2f})" if ours.fold_std is not None else ""
    )


def _misprinted(line: Line) -> str:
    printed = " and ".join(f"{score:.2f}" for score in line.printed or ())
    return f"* misprinted in the paper as {printed}. {line.misprint}"


def _protocol(run: str, params: RunParams) -> str:
    found = read_metrics(run)
    normalised = found["normalisation"]
    said = f"task {params.task}, split {params.split} ({found['protocol']})"
    said += f", normalised by {normalised}" if normalised else ""
    members = found.get("members", 1)
    return said + (f", {members} networks together" if members > 1 else "")

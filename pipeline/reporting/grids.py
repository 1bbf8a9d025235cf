"""Facts of the section on robustness: other conditions, other corpora, fewer labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.evaluation.answers import Answers, read_answers
from pipeline.evaluation.bootstrap import Estimate
from pipeline.evaluation.compare import Comparison, compare
from pipeline.evaluation.groups import WER_OF, GroupScores, columns, score_groups
from pipeline.evaluation.revisions import connect_tables
from pipeline.evaluation.runscores import RunScores, score_run
from pipeline.reporting.charts import line_chart
from pipeline.reporting.context import Context, Evaluated

TITLES = {
    "noise": "White noise, by the level of speech above it",
    "missing": "A modality missing",
    "rate": "Utterances that lose one modality",
    "text": "Texts of another source",
}
CHARTED = ("noise", "rate")
UNCHANGED = "as it is"


@dataclass(frozen=True)
class Tried:
    """A run under one condition."""

    level: str  # as people read it
    scores: RunScores
    loss: Comparison  # against the run as it is
    heard: tuple[tuple[GroupScores, GroupScores], ...] = ()  # by WER: the run as it is, and here


@dataclass(frozen=True)
class Pair:
    """A run trained on one corpus and tested on another."""

    trained: str
    tested: str
    ua: Estimate
    utterances: int


def facts(context: Context) -> dict[str, Any] | None:
    """What is known of any run beyond its own test part; None when nothing is."""
    found = {
        "runs": [grid for run in context.runs if (grid := _grids(context, run))],
        "titles": TITLES,
        "matrices": [m for run in context.runs if (m := _matrix(context, run))],
        "fractions": list(_fractions(context)),
    }
    return found if any(found[name] for name in ("runs", "matrices", "fractions")) else None


def _grids(context: Context, run: Evaluated) -> dict[str, Any] | None:
    """The conditions of a run's grids, each against the run as it is."""
    path = layout.robustness(run.name)
    if not path.exists():
        return None
    table = pq.read_table(path, partitioning=None)
    pairs = dict.fromkeys(zip(table["grid"].to_pylist(), table["level"].to_pylist(), strict=True))
    grids: dict[str, list[Tried]] = {name: [] for name in TITLES}
    for grid, level in pairs:
        here = pc.and_(pc.equal(table["grid"], grid), pc.equal(table["level"], level))
        if grid in grids:
            connection = connect_tables({run.name: table.filter(here)}, [])
            answers = read_answers(connection, run.name)
            heard = _by_wer(context, run.answers, answers, level) if grid == "text" else ()
            loss = compare(run.answers, answers)
            grids[grid].append(Tried(_named(grid, level), score_run(answers), loss, heard))
    charts = {g: _chart(run, g, grids[g]) for g in CHARTED if grids[g]}
    return {"name": run.name, "grids": {g: t for g, t in grids.items() if t}, "charts": charts}


def _named(grid: str, level: str) -> str:
    """A level with its unit.

    >>> _named("noise", "5"), _named("rate", "0.25"), _named("text", "whisper")
    ('5 dB', '25 %', 'whisper')
    """
    if grid == "rate":
        return f"{100 * float(level):g} %"
    return f"{level} dB" if grid == "noise" else level


def _by_wer(
    context: Context, own: Answers, there: Answers, source: str
) -> tuple[tuple[GroupScores, GroupScores], ...]:
    """Both by how badly the source heard their utterances; nothing where that is not known."""
    column = WER_OF + source
    if column not in columns(context.connection):
        return ()
    found = (score_groups(context.connection, side, column).groups for side in (own, there))
    return tuple(zip(*found, strict=True))


def _chart(run: Evaluated, grid: str, tried: list[Tried]) -> Any:
    levels = [UNCHANGED, *(t.level for t in tried)]
    scores = [run.scores, *(t.scores for t in tried)]
    lines = {title: [s.pooled[title.lower()] for s in scores] for title in ("UA", "WA")}
    return line_chart(f"{grid}-{run.name}", levels, lines, (TITLES[grid], "score"))


def _matrix(context: Context, run: Evaluated) -> dict[str, Any] | None:
    """The folds of a run whose split tests other corpora than it trains on."""
    if run.metrics["protocol"] != "corpus":
        return None
    rows = context.connection.execute(
        "SELECT fold, max(corpus) FILTER (subset = 'train'), max(corpus) FILTER (subset = 'test') "
        "FROM splits JOIN utterances USING (utt_id) WHERE splits.split = ? "
        "GROUP BY fold ORDER BY fold",
        [run.metrics["split"]],
    ).fetchall()
    pairs = {}
    for fold, trained, tested in rows:
        part = run.answers.where(run.answers.fold == fold)
        if len(part):
            scores = score_run(part)
            pair = Pair(trained, tested, scores.pooled["ua"], scores.utterances)
            pairs[trained, tested] = pair
    names = sorted({name for pair in pairs for name in pair})
    return {"run": run.name, "names": names, "pairs": pairs}


def _fractions(context: Context) -> Iterator[dict[str, Any]]:
    """Runs that differ in nothing but the share of the training part."""
    splits = context.settings.get("splits", {})
    curves: dict[str, list[tuple[float, Evaluated]]] = {}
    for run in context.runs:
        split = dict(splits.get(run.params.split, {}))
        share = split.pop("train_fraction", None) or 1.0
        drawn_alike = {k: v for k, v in split.items() if k != "seed"}
        rest = {k: v for k, v in vars(run.params).items() if k != "split"}
        curves.setdefault(repr((drawn_alike, rest)), []).append((share, run))
    for found in curves.values():
        found.sort(key=lambda pair: pair[0])
        if len(found) > 1 and all(a[0] < b[0] for a, b in pairwise(found)):
            shares = [f"{100 * share:g} %" for share, _ in found]
            runs = [run for _, run in found]
            lines = {"UA": [r.scores.pooled["ua"] for r in runs]}
            name = f"fractions-{runs[-1].name}"
            chart = line_chart(name, shares, lines, ("share of the training part", "UA"))
            yield {
                "name": runs[-1].name,
                "runs": list(zip(shares, runs, strict=True)),
                "chart": chart,
            }

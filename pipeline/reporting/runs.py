"""Facts of the headline table and of the section with a card per run."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import layout
from pipeline.evaluation.ratings import AGREEMENTS, DimensionScores
from pipeline.evaluation.runscores import TITLES, RunScores
from pipeline.reporting.charts import curves_chart, ratings_chart
from pipeline.reporting.context import Context, Evaluated, RatedRun
from pipeline.reporting.expectations import check_expectations


def results(context: Context) -> dict[str, Any]:
    """The headline table: every run with its intervals, and what was expected of them."""
    pooled = {run.name: run.scores.pooled for run in context.runs}
    warnings = {run.name: run.warnings for run in context.rated}
    bounds = [vars(bound) for bound in context.report.expect.values()]
    ua = [scores["ua"].value for scores in pooled.values() if scores["ua"].value is not None]
    return {
        "titles": TITLES,
        "runs": context.runs,
        "best": max(ua, default=None),
        "expected": sum(value is not None for bound in bounds for value in bound.values()),
        "violations": check_expectations(context.report.expect, pooled),
        "warnings": warnings | {run.name: run.warnings for run in context.runs},
        "agreements": AGREEMENTS,
        "rated": context.rated,
    }


def details(context: Context) -> dict[str, Any] | None:
    """A card per run."""
    cards = [_card(classes, dimensions) for classes, dimensions in context.each_run.values()]
    return {"runs": cards} if cards else None


def _card(classes: Evaluated | None, dimensions: RatedRun | None) -> dict[str, Any]:
    run = classes or dimensions
    assert run is not None
    return {
        "name": run.name,
        "params": run.params,
        "metrics": run.metrics,
        "split": run.split,
        "scores": classes and classes.scores,
        "answered": classes and _answered(classes),
        "dimensions": dimensions.dimensions if dimensions else (),
        "ratings": dimensions and ratings_chart(run.name, dimensions.answers),
        "curves": curves_chart(run.name, layout.run_report(run.name) / "curves.csv"),
        "parts": [*_parts(classes), *_parts(dimensions)],
    }


def _parts(run: Evaluated | RatedRun | None) -> Iterator[dict[str, Any]]:
    """The tables of folds and of seeds, where there are several."""
    match run:
        case Evaluated():
            scored: list[tuple[str, RunScores | DimensionScores]] = [("", run.scores)]
            titles: Mapping[str, str] = TITLES
        case RatedRun():
            scored = [(f"{found.dimension}: ", found) for found in run.dimensions]
            titles = AGREEMENTS
        case None:
            return
    for of, found in scored:
        for part, told in (("fold", found.folds), ("seed", found.seeds)):
            if len(told) > 1:
                yield {"of": of, "part": part, "told": told, "titles": titles}


def _answered(run: Evaluated) -> dict[str, Any]:
    """The confusion matrix as shares of its rows, with counts."""
    classes = run.answers.classes
    rows = [
        {
            "name": name,
            "cells": [(count / max(1, sum(row)), count) for count in row],
        }
        for name, row in zip(classes, run.scores.counts.tolist(), strict=True)
    ]
    return {"classes": classes, "rows": rows}

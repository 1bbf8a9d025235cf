"""Facts of the headline table and of the section with a card per run."""

from typing import Any

from pipeline import layout
from pipeline.evaluation.ratings import AGREEMENTS
from pipeline.evaluation.runscores import TITLES
from pipeline.reporting.charts import curves_chart
from pipeline.reporting.context import Context, Evaluated
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
    if not context.runs:
        return None
    return {"titles": TITLES, "runs": [_card(run) for run in context.runs]}


def _card(run: Evaluated) -> dict[str, Any]:
    return {
        "name": run.name,
        "params": run.params,
        "metrics": run.metrics,
        "split": run.split,
        "scores": run.scores,
        "answered": _answered(run),
        "curves": curves_chart(run.name, layout.run_report(run.name) / "curves.csv"),
        "parts": {
            part: told
            for part, told in (("fold", run.scores.folds), ("seed", run.scores.seeds))
            if len(told) > 1
        },
    }


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

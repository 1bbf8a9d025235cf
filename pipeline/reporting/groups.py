"""Facts of the section on groups of utterances."""

from typing import Any

from pipeline.evaluation.groups import USUAL, WER_OF, Grouping, columns, score_groups
from pipeline.evaluation.runscores import TITLES
from pipeline.reporting.context import Context, Evaluated


def facts(context: Context) -> dict[str, Any] | None:
    """Each run by the columns that tell its utterances apart."""
    known = columns(context.connection)
    runs = [
        {"name": run.name, "groupings": groupings}
        for run in context.runs
        if (groupings := _groupings(context, run, _usual(known)))
    ]
    return {"runs": runs, "titles": TITLES} if runs else None


def _usual(known: list[str]) -> list[str]:
    return [c for c in USUAL if c in known] + [c for c in known if c.startswith(WER_OF)]


def _groupings(context: Context, run: Evaluated, names: list[str]) -> list[Grouping]:
    found = (score_groups(context.connection, run.answers, name) for name in names)
    return [grouping for grouping in found if len(grouping.groups) > 1]

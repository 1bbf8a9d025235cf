"""Facts of the section on groups of utterances."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.evaluation.groups import (
    MIN_UTTERANCES,
    USUAL,
    WER_OF,
    Grouping,
    TooManyGroupsError,
    columns,
    rate_groups,
    score_groups,
)
from pipeline.evaluation.ratings import AGREEMENTS
from pipeline.evaluation.runscores import TITLES
from pipeline.reporting.context import Context, Evaluated, RatedRun


@dataclass(frozen=True)
class Groupings:
    """What a run learned, classes or a dimension, by one column after the other."""

    learned: str
    titles: Mapping[str, str]  # of the scores, the leading ones first
    groupings: tuple[Grouping, ...]
    too_many: tuple[str, ...]  # columns with more values than make groups

    def gap(self, grouping: Grouping) -> str:
        """The gap in the first score that has one, or nothing."""
        gaps = ((title, grouping.gaps[name].value) for name, title in self.titles.items())
        told = (f", gap in {title} {gap:.3f}" for title, gap in gaps if gap is not None)
        return next(told, "")


def facts(context: Context) -> dict[str, Any] | None:
    """Each run by the columns that tell its utterances apart."""
    known = columns(context.connection)
    names = [c for c in USUAL if c in known] + [c for c in known if c.startswith(WER_OF)]
    runs = [
        {"name": name, "learned": learned}
        for name, run in context.each_run.items()
        if (learned := [g for g in _learned(context, names, *run) if g.groupings or g.too_many])
    ]
    return {"runs": runs, "smallest": MIN_UTTERANCES} if runs else None


def _learned(
    context: Context, names: list[str], classes: Evaluated | None, dimensions: RatedRun | None
) -> Iterator[Groupings]:
    if classes is not None:
        by_column = partial(score_groups, context.connection, classes.answers)
        yield _by_each("classes", TITLES, names, by_column)
    for rated in dimensions.answers if dimensions else ():
        by_column = partial(rate_groups, context.connection, rated)
        yield _by_each(rated.dimension, AGREEMENTS, names, by_column)


def _by_each(
    learned: str, titles: Mapping[str, str], names: list[str], by_column: Callable[[str], Grouping]
) -> Groupings:
    found, too_many = [], []
    for name in names:
        try:
            found.append(by_column(name))
        except TooManyGroupsError:
            too_many.append(name)
    several = tuple(grouping for grouping in found if len(grouping.groups) > 1)
    return Groupings(learned, titles, several, tuple(too_many))

"""Scores of runs on the console and as JSON."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import Any

from pipeline.evaluation.bootstrap import Estimate
from pipeline.evaluation.calibration import at_coverages, thinned
from pipeline.evaluation.groups import MIN_UTTERANCES, Grouping, GroupScores
from pipeline.evaluation.ratings import AGREEMENTS, DimensionScores
from pipeline.evaluation.runscores import NAMES, TITLES
from pipeline.evaluation.scoring import ClassesScored, Scored
from pipeline.reporting.plain import finite

Parts = Mapping[int, Mapping[str, Estimate]]


def render(found: Sequence[Scored], *, as_json: bool) -> str:
    """Every run in turn."""
    if as_json:
        return json.dumps([_plain(s) for s in found], indent=2, ensure_ascii=False) + "\n"
    return "".join(_text(scored) for scored in found)


def show(estimate: Estimate) -> str:
    """A score with its widest interval, or a dash with the reason.

    >>> show(Estimate(None, (), "one class"))
    '– (one class)'
    """
    if estimate.value is None:
        return f"– ({estimate.why})"
    interval = estimate.interval
    if interval is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def _plain(scored: Scored) -> Any:
    classes = scored.classes
    return finite(
        {
            "revision": scored.revision,
            "run": scored.run,
            "normalisation": scored.normalisation,
            "members": scored.members,
            "warnings": list(scored.warnings),
            **(_plain_classes(classes) if classes else dict.fromkeys(CLASS_KEYS)),
            "dimensions": {d.dimension: asdict(d) for d in scored.dimensions},
            "dimension_groups": {
                d.dimension: asdict(grouping)
                for d, grouping in zip(scored.dimensions, scored.by_dimension, strict=False)
            },
        }
    )


CLASS_KEYS = ("scores", "calibration", "risk_coverage", "groups")


def _plain_classes(found: ClassesScored) -> dict[str, Any]:
    calibration = {
        name: getattr(found.calibration, name)
        for name in ("nll", "brier", "scaled_ece", "scaled_nll", "why")
    }
    curve = [
        {"coverage": float(share), "accuracy": float(accuracy), "risk": float(1 - accuracy)}
        for share, accuracy in thinned(found.accuracies)
    ]
    return {
        "scores": asdict(found.scores) | {"counts": found.scores.counts.tolist()},
        "calibration": {
            **calibration,
            "ece": asdict(found.calibration.ece),
            "temperatures": [asdict(t) for t in found.calibration.temperatures],
        },
        "risk_coverage": curve,
        "groups": asdict(found.grouping) if found.grouping else None,
    }


def _text(scored: Scored) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=130, highlight=False, markup=False)
    by = f", normalised by {scored.normalisation}" if scored.normalisation else ""
    by += f", {scored.members} networks together" if scored.members > 1 else ""
    title = f"{scored.revision}:{scored.run}"
    for warning in scored.warnings:
        console.print(f"warning: {title}: {warning}")
    if scored.classes:
        console.print(_class_table(title, by, scored.classes))
        console.print(_sure(scored.classes))
    if scored.dimensions:
        console.print(_dimension_table(title, by, scored))
    console.print("Intervals hold 95 % of the resamples, of speakers or of utterances.")
    groupings = (scored.classes and scored.classes.grouping, *scored.by_dimension)
    if not all(group.in_gaps for grouping in groupings if grouping for group in grouping.groups):
        console.print(f"Groups in brackets have under {MIN_UTTERANCES} utterances: in no gap.")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _class_table(title: str, by: str, classes: ClassesScored) -> Any:
    from rich.table import Table

    found, grouping = classes.scores, classes.grouping
    who = f"{found.utterances} utterances, {found.speakers or 'unknown'} speakers"
    table = Table(title=f"{title}, {who}{by}", title_justify="left")
    table.add_column("" if grouping is None else grouping.column)
    table.add_column("n", justify="right")
    for name in NAMES:
        table.add_column(TITLES[name], justify="right")
    table.add_row("all", str(found.utterances), *(show(found.pooled[n]) for n in NAMES))
    if grouping:
        for group in grouping.groups:
            cells = (show(group.pooled[n]) for n in NAMES)
            table.add_row(_named(group), str(group.utterances), *cells)
        gaps = (show(grouping.gaps[n]) for n in NAMES)
        table.add_row("gap", f"{grouping.unknown or ''}", *gaps)
    else:
        for part, scores in _parts(found.folds, found.seeds):
            table.add_row(part, "", *(show(scores[n]) for n in NAMES))
    return table


def _sure(classes: ClassesScored) -> str:
    told = at_coverages(classes.accuracies)
    shares = ", ".join(f"{told[c]:.3f} of the surest {c:.0%}" for c in told if c < 1)
    return f"ECE {show(classes.calibration.ece)}; accuracy {shares}"


def _dimension_table(title: str, by: str, scored: Scored) -> Any:
    from rich.table import Table

    table = Table(title=f"{title}, dimensions{by}", title_justify="left")
    table.add_column("")
    table.add_column("n", justify="right")
    for heading in AGREEMENTS.values():
        table.add_column(heading, justify="right")
    for found, grouping in zip_longest(scored.dimensions, scored.by_dimension):
        cells = (show(found.pooled[n]) for n in AGREEMENTS)
        table.add_row(found.dimension, str(found.utterances), *cells)
        for part, n, scores in _lines(found, grouping):
            table.add_row(f"  {part}", n, *(show(scores[name]) for name in AGREEMENTS))
    return table


def _lines(
    found: DimensionScores, grouping: Grouping | None
) -> Iterator[tuple[str, str, Mapping[str, Estimate]]]:
    """What stands below a dimension: its groups, or its folds and seeds."""
    if grouping is None:
        yield from ((part, "", scores) for part, scores in _parts(found.folds, found.seeds))
        return
    yield from ((_named(group), str(group.utterances), group.pooled) for group in grouping.groups)
    yield "gap", f"{grouping.unknown or ''}", grouping.gaps


def _named(group: GroupScores) -> str:
    """The value of a group; one in brackets is too small to be in a gap."""
    return group.value if group.in_gaps else f"({group.value})"


def _parts(folds: Parts, seeds: Parts) -> Iterator[tuple[str, Mapping[str, Estimate]]]:
    """Folds and seeds, of which there are several."""
    for name, parts in (("fold", folds), ("seed", seeds)):
        if len(parts) > 1:
            yield from ((f"{name} {number}", scores) for number, scores in parts.items())

"""Scores of runs on the console and as JSON."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pipeline.evaluation.bootstrap import Estimate
from pipeline.evaluation.runscores import NAMES, TITLES
from pipeline.evaluation.scoring import Scored
from pipeline.reporting.plain import finite


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
    scores = asdict(scored.scores) | {"counts": scored.scores.counts.tolist()}
    calibration = {
        name: getattr(scored.calibration, name)
        for name in ("nll", "brier", "scaled_ece", "scaled_nll", "why")
    }
    calibration["ece"] = asdict(scored.calibration.ece)
    return finite(
        {
            "revision": scored.revision,
            "run": scored.run,
            "normalisation": scored.normalisation,
            "scores": scores,
            "calibration": calibration,
            "groups": asdict(scored.grouping) if scored.grouping else None,
        }
    )


def _text(scored: Scored) -> str:
    from rich.console import Console
    from rich.table import Table

    console = Console(file=io.StringIO(), width=130, highlight=False, markup=False)
    found = scored.scores
    table = Table(
        title=f"{scored.revision}:{scored.run}, {found.utterances} utterances, "
        f"{found.speakers or 'unknown'} speakers"
        + (f", normalised by {scored.normalisation}" if scored.normalisation else ""),
        title_justify="left",
    )
    table.add_column("" if scored.grouping is None else scored.grouping.column)
    table.add_column("n", justify="right")
    for name in NAMES:
        table.add_column(TITLES[name], justify="right")
    table.add_row("all", str(found.utterances), *(show(found.pooled[n]) for n in NAMES))
    if scored.grouping:
        for group in scored.grouping.groups:
            cells = (show(group.pooled[n]) for n in NAMES)
            table.add_row(group.value, str(group.utterances), *cells)
        gaps = (show(scored.grouping.gaps[n]) for n in NAMES)
        table.add_row("gap", f"{scored.grouping.unknown or ''}", *gaps)
    console.print(table)
    console.print(f"ECE {show(scored.calibration.ece)}; intervals hold 95 % of resamples")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()

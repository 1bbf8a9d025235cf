"""The sections of the page, in order.

A section is the template `templates/<id>.html.j2`, which finds as `facts` what its function makes
of the context; a section whose function returns None is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.reporting import (
    calibrations,
    cards,
    corpora,
    errors,
    grids,
    groups,
    paper,
    parameters,
    runs,
    soft,
    texts,
)
from pipeline.reporting.context import Context

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """One section; its id names the template and the anchor."""

    id: str
    title: str
    facts: Callable[[Context], Facts | None]


SECTIONS = (
    Section("results", "Results", runs.results),
    Section("paper", "The paper's tables", paper.facts),
    Section("fairness", "Is the test fair?", corpora.fairness),
    Section("runs", "Runs", runs.details),
    Section("calibration", "Calibration", calibrations.facts),
    Section("soft", "Raters' shares", soft.facts),
    Section("groups", "Groups", groups.facts),
    Section("grids", "Robustness", grids.facts),
    Section("errors", "Surest mistakes", errors.facts),
    Section("texts", "Texts", texts.facts),
    Section("corpora", "Corpora", corpora.facts),
    Section("cards", "Corpus cards", cards.facts),
    Section("provenance", "What was run", parameters.facts),
)

"""What a section of the page may ask: the store, and the evaluated runs."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import layout
from pipeline.catalog import Catalog
from pipeline.evaluation.answers import (
    Answers,
    AnswersError,
    read_answers,
    refuse_strangers,
    unanswered,
)
from pipeline.evaluation.ratings import DimensionScores, Rated, read_rated, score_rated
from pipeline.evaluation.runscores import RunScores, score_run
from pipeline.params import ReportParams, RunParams
from pipeline.reporting.facts import read_metrics, split_title
from pipeline.splitting.params import CHOSEN_ON_TEST


@dataclass(frozen=True)
class Evaluated:
    """A run with its answers."""

    name: str
    params: RunParams
    metrics: Mapping[str, Any]  # of metrics.json: what the run was
    answers: Answers
    validation: Answers | None
    scores: RunScores
    warnings: tuple[str, ...]  # what a reader of the scores must know

    @property
    def chance(self) -> float:
        """UA of guessing."""
        return 1 / len(self.answers.classes)

    @property
    def split(self) -> str:
        """Its split, for people."""
        return split_title(self.metrics)


@dataclass(frozen=True)
class RatedRun:
    """A run that learned dimensions, be it beside classes or alone."""

    name: str
    params: RunParams
    metrics: Mapping[str, Any]
    answers: tuple[Rated, ...]  # a table for each dimension
    dimensions: tuple[DimensionScores, ...]  # the scores of each, in the same order
    warnings: tuple[str, ...]

    @property
    def split(self) -> str:
        """Its split, for people."""
        return split_title(self.metrics)


@dataclass(frozen=True)
class Context:
    """The store and the runs."""

    connection: Any  # DuckDB with the views of pipeline/query.py
    catalog: Catalog
    runs: tuple[Evaluated, ...]  # that tell classes apart
    report: ReportParams
    settings: Mapping[str, Any]  # all params as plain values
    roots: Mapping[str, Path] = field(default_factory=dict)  # where a corpus's recordings lie
    clips: int = 0  # recordings to put into the page
    machine: Mapping[str, str] = field(default_factory=dict)  # when and on what it is made
    rated: tuple[RatedRun, ...] = ()

    @property
    def each_run(self) -> dict[str, tuple[Evaluated | None, RatedRun | None]]:
        """Every run with its classes and its dimensions; None for what it did not learn."""
        classes = {run.name: run for run in self.runs}
        dimensions = {run.name: run for run in self.rated}
        return {n: (classes.get(n), dimensions.get(n)) for n in {**classes, **dimensions}}

    @property
    def splits(self) -> dict[str, str]:
        """The splits that runs are of, with their protocols."""
        told = [run.metrics for run in self.runs] + [run.metrics for run in self.rated]
        return {metrics["split"]: metrics["protocol"] for metrics in told}


def evaluated(connection: Any, name: str, params: RunParams, emotions: Sequence[str]) -> Evaluated:
    """A run from its predictions.

    Args:
        emotions: the labels that its task knows.

    Raises:
        FileNotFoundError: it has not been evaluated.
        NoClassesError: it learned dimensions alone.
        AnswersError: its predictions cannot be scored.
    """
    metrics = read_metrics(name)
    if not layout.predictions(name).exists():
        raise FileNotFoundError(
            f"{layout.predictions(name)}: missing; run `dvc repro evaluate@{name}`"
        )
    refuse_strangers(connection, name)
    answers = read_answers(connection, name)
    validation = None
    if metrics["protocol"] not in CHOSEN_ON_TEST:
        with suppress(AnswersError):  # predictions of an older version have none
            validation = read_answers(connection, name, "val")
    warnings = _warnings(connection, name, metrics, emotions)
    return Evaluated(name, params, metrics, answers, validation, score_run(answers), warnings)


def rated(
    connection: Any, name: str, params: RunParams, emotions: Sequence[str]
) -> RatedRun | None:
    """A run with its dimensions; None if it learned none.

    Raises:
        AnswersError: its predictions cannot be scored.
    """
    if not (answers := tuple(read_rated(connection, name))):
        return None
    metrics = read_metrics(name)
    scores = tuple(map(score_rated, answers))
    warnings = _warnings(connection, name, metrics, emotions)
    return RatedRun(name, params, metrics, answers, scores, warnings)


def _warnings(
    connection: Any, name: str, metrics: Mapping[str, Any], emotions: Sequence[str]
) -> tuple[str, ...]:
    missing = unanswered(connection, name, metrics["split"], emotions, metrics["seeds"])
    return (*metrics["warnings"], *([missing] if missing else []))

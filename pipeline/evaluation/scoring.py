"""What stands on the command line of `vcemo scores`, resolved and scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.evaluation.answers import NoClassesError, read_answers, refuse_strangers
from pipeline.evaluation.calibration import Calibration, calibrate, selective
from pipeline.evaluation.completeness import warnings_about
from pipeline.evaluation.groups import Grouping, rate_groups, score_groups
from pipeline.evaluation.ratings import DimensionScores, read_rated, score_rated
from pipeline.evaluation.revisions import RevisionError, parse, snapshot
from pipeline.evaluation.runscores import RunScores, score_run
from training.metrics import Floats


@dataclass(frozen=True)
class ClassesScored:
    """How well a run tells classes apart."""

    scores: RunScores
    calibration: Calibration
    accuracies: Floats  # of the surest answers, as `selective` gives them
    grouping: Grouping | None


@dataclass(frozen=True)
class Scored:
    """A run at a revision."""

    revision: str
    run: str
    normalisation: str | None  # whose statistics scale its spectrograms; None: none or unknown
    members: int  # networks that answer together
    warnings: tuple[str, ...]  # what a reader of the scores must know
    classes: ClassesScored | None  # None: the run learned dimensions alone
    dimensions: tuple[DimensionScores, ...]  # that it learned
    by_dimension: tuple[Grouping, ...]  # of each of them, where groups are asked for


def score_named(text: str, by: str | None, known: Sequence[str]) -> list[Scored]:
    """Score a run, or every run of a revision.

    Raises:
        RevisionError: it is not there.
        AnswersError: its predictions cannot be scored, or `by` names no column.
    """
    revision, named = parse(text, known)
    place = snapshot(revision)
    there = place.runs()
    runs = [named] if named else there
    if missing := [run for run in runs if run not in there] or not runs:
        raise RevisionError(f"{revision}: no predictions of {missing}; found {there or 'none'}")
    connection = place.connection(runs, utterances=by is not None)
    found = []
    for run in runs:
        if by:
            refuse_strangers(connection, run)
        rated = read_rated(connection, run)
        found.append(
            Scored(
                revision=revision,
                run=run,
                normalisation=place.facts(run).get("normalisation"),
                members=place.facts(run).get("members", 1),
                warnings=warnings_about(place, run),
                classes=_classes(connection, run, by),
                dimensions=tuple(map(score_rated, rated)),
                by_dimension=tuple(rate_groups(connection, r, by) for r in rated) if by else (),
            )
        )
    return found


def _classes(connection: Any, run: str, by: str | None) -> ClassesScored | None:
    try:
        answers = read_answers(connection, run)
    except NoClassesError:
        return None
    validation = read_answers(connection, run, "val") if _validated(connection, run) else None
    return ClassesScored(
        scores=score_run(answers),
        calibration=calibrate(answers, validation),
        accuracies=selective(answers),
        grouping=score_groups(connection, answers, by) if by else None,
    )


def _validated(connection: Any, run: str) -> bool:
    query = "SELECT 1 FROM val_predictions WHERE run = ? LIMIT 1"
    return bool(connection.execute(query, [run]).fetchall())

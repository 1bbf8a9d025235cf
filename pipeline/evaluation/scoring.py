"""What stands on the command line of `vcemo scores`, resolved and scored."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.evaluation.answers import read_answers, refuse_strangers
from pipeline.evaluation.calibration import Calibration, calibrate
from pipeline.evaluation.groups import Grouping, score_groups
from pipeline.evaluation.revisions import RevisionError, parse, snapshot
from pipeline.evaluation.runscores import RunScores, score_run


@dataclass(frozen=True)
class Scored:
    """A run at a revision."""

    revision: str
    run: str
    normalisation: str | None  # whose statistics scale its spectrograms; None: none or unknown
    scores: RunScores
    calibration: Calibration
    grouping: Grouping | None


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
        answers = read_answers(connection, run)
        validation = read_answers(connection, run, "val") if _validated(connection, run) else None
        if by:
            refuse_strangers(connection, run)
        grouping = score_groups(connection, answers, by) if by else None
        scored = score_run(answers), calibrate(answers, validation)
        found.append(
            Scored(revision, run, place.facts(run).get("normalisation"), *scored, grouping)
        )
    return found


def _validated(connection: object, run: str) -> bool:
    query = "SELECT 1 FROM val_predictions WHERE run = ? LIMIT 1"
    return bool(connection.execute(query, [run]).fetchall())  # type: ignore[attr-defined]

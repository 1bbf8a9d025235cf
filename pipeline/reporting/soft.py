"""Facts of the section on raters' shares, for runs whose utterances have them."""

from typing import Any

import numpy as np

from pipeline import labels
from pipeline.evaluation.answers import Answers
from pipeline.evaluation.soft import score_soft
from pipeline.labels import Task
from pipeline.reporting.context import Context, Evaluated
from training.metrics import Floats


def facts(context: Context) -> dict[str, Any] | None:
    """Each run against the shares of its raters; None where no utterance has any."""
    told = dict(
        context.connection.execute(
            "SELECT utt_id, soft_label FROM utterances WHERE soft_label IS NOT NULL"
        ).fetchall()
    )
    if not told:
        return None
    soft = {run.name: score_soft(run.answers, _shares(context, run, told)) for run in context.runs}
    found = [(name, scores) for name, scores in soft.items() if scores.rows]
    return {"runs": found} if found else None


def _shares(context: Context, run: Evaluated, told: dict[str, dict[str, float]]) -> Floats:
    """Shares of the task's classes for each answer, of one in sum; NaN where there are none."""
    task = labels.task(context.settings["tasks"][run.params.task]["classes"])
    by_utterance = [_of(told.get(name), run.answers, task) for name in run.answers.utt_ids]
    return np.array(by_utterance, np.float64)[run.answers.utterance]


def _of(told: dict[str, float] | None, answers: Answers, task: Task) -> list[float]:
    shares = task.shares(told or {})
    if shares is None:
        return [float("nan")] * len(answers.classes)
    by_class = dict(zip(task.classes, shares, strict=True))
    return [by_class[name] for name in answers.classes]

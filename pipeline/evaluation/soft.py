"""Scores against the shares of raters, where a corpus has them."""

from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.answers import Answers
from pipeline.evaluation.bootstrap import RESAMPLES, Estimate, estimate, resample
from training.metrics import Floats

TINY = 1e-12


@dataclass(frozen=True)
class SoftScores:
    """How near the probabilities are to the raters' shares."""

    rows: int  # with shares of the task's classes
    cross_entropy: Estimate  # nats
    kl: Estimate  # nats: cross-entropy less the entropy of the shares
    majority: Estimate  # accuracy against the class most raters chose; rows without one left out


def score_soft(answers: Answers, shares: Floats, resamples: int = RESAMPLES) -> SoftScores:
    """Scores of the rows whose `shares` are known.

    Shape:
        shares: (n, classes), of one in sum, or NaN where unknown
    """
    known = np.asarray(np.isfinite(shares).all(axis=1))
    rows, target = answers.where(known), shares[known]
    if not len(rows):
        nothing = Estimate(None, (), "no test utterance has shares of raters")
        return SoftScores(0, nothing, nothing, nothing)
    cross = -(target * np.log(np.maximum(rows.probabilities, TINY))).sum(axis=1)
    entropy = -(target * np.log(np.maximum(target, TINY))).sum(axis=1)
    clear = (target == target.max(axis=1, keepdims=True)).sum(axis=1) == 1
    right = clear & (target.argmax(axis=1) == rows.prediction)
    sums = np.stack([cross, cross - entropy, right, clear, np.ones(len(rows))], axis=1)
    drawn, total = resample(rows, sums, 0, resamples), sums.sum(axis=0)

    def ratio(part: int, whole: int, undefined: str = "") -> Estimate:
        def of(values: Floats) -> Floats:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(values[..., part] / values[..., whole])

        return estimate(float(of(total)), drawn, of, undefined)

    return SoftScores(
        rows=len(rows),
        cross_entropy=ratio(0, 4),
        kl=ratio(1, 4),
        majority=ratio(2, 3, "no utterance has a class that most raters chose"),
    )

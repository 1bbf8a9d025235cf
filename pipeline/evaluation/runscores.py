"""The scores of a run: pooled with intervals, per class, per fold and per seed."""

from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.answers import Answers, Codes
from pipeline.evaluation.bootstrap import RESAMPLES, Estimate, Resamples, Unit, confusions, estimate
from training.metrics import Counts, Scores, scores

NAMES = ("ua", "wa", "f1_weighted", "f1_macro")
TITLES = {"ua": "UA", "wa": "WA", "f1_weighted": "F1 weighted", "f1_macro": "F1 macro"}


@dataclass(frozen=True)
class ClassScores:
    """One class."""

    name: str
    support: int  # rows of it
    recall: Estimate
    precision: Estimate


@dataclass(frozen=True)
class RunScores:
    """A run, or a part of its answers."""

    run: str
    rows: int
    utterances: int
    speakers: int  # 0: unknown
    pooled: dict[str, Estimate]  # NAMES
    classes: tuple[ClassScores, ...]
    counts: Counts
    folds: dict[int, dict[str, Estimate]]  # over the seeds of the fold together
    seeds: dict[int, dict[str, Estimate]]  # over all folds


def score_run(answers: Answers, resamples: int = RESAMPLES) -> RunScores:
    """All scores of some answers."""
    counts = answers.counts()
    drawn = confusions(answers, resamples=resamples)
    return RunScores(
        run=answers.run,
        rows=len(answers),
        utterances=len(np.unique(answers.utterance)),
        speakers=len(np.unique(answers.speaker[answers.speaker >= 0])),
        pooled=pooled(counts, drawn),
        classes=_by_class(answers.classes, counts, drawn),
        counts=counts,
        folds=_parts(answers, answers.fold, resamples),
        seeds=_parts(answers, answers.seed, resamples),
    )


def pooled(counts: Counts, drawn: Resamples) -> dict[str, Estimate]:
    """The four scores of a confusion matrix, with intervals.

    UA and the F1s of one class alone are no measure of telling classes apart: they are left out.
    """
    if (tested := int((counts.sum(axis=1) > 0).sum())) < 2:
        why = "one class is tested, so nothing is told apart" if tested else "nothing is tested"
        nothing = dict.fromkeys(NAMES, Estimate(None, (), why))
        wa = estimate(float(scores(counts).wa), drawn, lambda c: scores(c).wa, why)
        return nothing | {"wa": wa}
    found, resampled = scores(counts), _resampled(drawn)
    return {name: _estimate(found, drawn, resampled, name) for name in NAMES}


def _resampled(drawn: Resamples) -> dict[Unit, Scores]:
    return {unit: scores(sums) for unit, sums in drawn.sums.items()}


def _estimate(
    found: Scores,
    drawn: Resamples,
    resampled: dict[Unit, Scores],
    name: str,
    index: tuple[int, ...] = (),
    undefined: str = "",
) -> Estimate:
    """The estimate of one score, or of the entry at `index` of one that has an entry per class."""
    picked = {u: np.asarray(getattr(s, name)[(..., *index)]) for u, s in resampled.items()}
    value = float(getattr(found, name)[index])
    return estimate(value, Resamples(picked, drawn.why), lambda values: values, undefined)


def _by_class(
    classes: tuple[str, ...], counts: Counts, drawn: Resamples
) -> tuple[ClassScores, ...]:
    found, resampled = scores(counts), _resampled(drawn)
    missing = {"recall": "the class is not tested", "precision": "the class is never the answer"}
    return tuple(
        ClassScores(
            name,
            int(counts[i].sum()),
            *(_estimate(found, drawn, resampled, n, (i,), why) for n, why in missing.items()),
        )
        for i, name in enumerate(classes)
    )


def _parts(answers: Answers, codes: Codes, resamples: int) -> dict[int, dict[str, Estimate]]:
    parts = {code: answers.where(codes == code) for code in np.unique(codes).tolist()}
    return {
        code: pooled(part.counts(), confusions(part, resamples=resamples))
        for code, part in parts.items()
    }

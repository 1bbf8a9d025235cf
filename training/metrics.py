"""Metrics of a classifier as functions of confusion counts, which add up exactly over folds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Metrics:
    """Scores in 0..1; `recall` has one entry per class, NaN for a class that never occurs."""

    wa: float  # weighted accuracy: the share of right answers
    ua: float  # unweighted average recall, over classes that occur
    f1_weighted: float  # F1 averaged by class support
    f1_macro: float  # F1 averaged over all classes
    recall: tuple[float, ...]


def count(actual: NDArray[np.integer], predicted: NDArray[np.integer], n_classes: int) -> Counts:
    """Confusion counts (n_classes, n_classes), rows actual, columns predicted."""
    flat = np.asarray(actual, dtype=np.int64) * n_classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(flat, minlength=n_classes**2).reshape(n_classes, n_classes)


def score(counts: Counts) -> Metrics:
    """All metrics of a confusion matrix.

    A zero denominator of an F1 gives 0.

    Raises:
        ValueError: the matrix is empty.
    """
    support, answered, hits = counts.sum(axis=1), counts.sum(axis=0), counts.diagonal()
    total = int(support.sum())
    if total == 0:
        raise ValueError("no predictions to score: the confusion matrix is all zero")
    recall = np.divide(hits, support, out=np.full(len(counts), np.nan), where=support > 0)
    both = support + answered
    f1 = np.divide(2 * hits, both, out=np.zeros(len(counts)), where=both > 0)
    return Metrics(
        wa=float(hits.sum() / total),
        ua=float(recall[support > 0].mean()),
        f1_weighted=float(f1 @ support / total),
        f1_macro=float(f1.mean()),
        recall=tuple(float(r) for r in recall),
    )

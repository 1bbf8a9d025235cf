"""Metrics of a classifier as functions of confusion counts, which add up exactly over folds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metrics:
    """Scores in 0..1; `recall` has one entry per class, NaN for a class that never occurs."""

    wa: float  # weighted accuracy: the share of right answers
    ua: float  # unweighted average recall, over classes that occur
    f1_weighted: float  # F1 averaged by class support
    f1_macro: float  # F1 averaged over all classes
    recall: tuple[float, ...]


@dataclass(frozen=True)
class Scores:
    """The scores of many confusion matrices at once, NaN where one is not defined.

    Shape:
        wa, ua, f1_weighted, f1_macro: (...); recall, precision: (..., classes), for the counts
            (..., classes, classes) they are of
    """

    wa: Floats
    ua: Floats
    f1_weighted: Floats
    f1_macro: Floats
    recall: Floats  # NaN for a class that never occurs
    precision: Floats  # NaN for a class that is never the answer


def count(actual: NDArray[np.integer], predicted: NDArray[np.integer], n_classes: int) -> Counts:
    """Confusion counts (n_classes, n_classes), rows actual, columns predicted."""
    flat = np.asarray(actual, dtype=np.int64) * n_classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(flat, minlength=n_classes**2).reshape(n_classes, n_classes)


def scores(counts: NDArray[np.integer] | Floats) -> Scores:
    """All scores of confusion matrices (..., classes, classes), rows actual, columns predicted.

    An F1 of a class that neither occurs nor is answered is 0; an empty matrix has no scores: NaN.
    """
    support, answered = counts.sum(axis=-1), counts.sum(axis=-2)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    total = support.sum(axis=-1)
    f1 = _share(2 * hits, support + answered, empty=0.0)
    recall = _share(hits, support)
    return Scores(
        wa=_share(hits.sum(axis=-1), total),
        ua=_share(np.nansum(recall, axis=-1), (support > 0).sum(axis=-1)),
        f1_weighted=_share((f1 * support).sum(axis=-1), total),
        f1_macro=np.where(total > 0, f1.mean(axis=-1), np.nan),
        recall=recall,
        precision=_share(hits, answered),
    )


def score(counts: Counts) -> Metrics:
    """All metrics of one confusion matrix.

    Raises:
        ValueError: the matrix is empty.
    """
    if counts.sum() == 0:
        raise ValueError("no predictions to score: the confusion matrix is all zero")
    found = scores(counts)
    return Metrics(
        wa=float(found.wa),
        ua=float(found.ua),
        f1_weighted=float(found.f1_weighted),
        f1_macro=float(found.f1_macro),
        recall=tuple(float(r) for r in found.recall),
    )


def _share(part: NDArray[np.generic], whole: NDArray[np.generic], empty: float = np.nan) -> Floats:
    out = np.full(np.shape(whole), empty)
    np.divide(part, whole, out=out, where=np.asarray(whole) > 0)
    return out

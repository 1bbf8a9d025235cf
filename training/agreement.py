"""How far numbers agree with ratings, as functions of sums, which add up over folds and resamples.

Concordance is Lin's (1989): 2 cov(a, p) / (var a + var p + (mean a - mean p)^2), with moments over
n; correlation is Pearson's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics import Floats

FLAT = 1e-10  # a variance below this share of the mean square of all values is rounding


@dataclass(frozen=True)
class Agreement:
    """Scores (...) of sums (..., 7), NaN where one is not defined."""

    ccc: Floats  # -1..1; NaN where neither side varies
    pcc: Floats  # -1..1; NaN where one side does not vary
    mae: Floats  # on the scale of the ratings; NaN of nothing


def sums(actual: NDArray[np.floating], predicted: NDArray[np.floating]) -> Floats:
    """What the scores need of each row: they are those of the sum over rows; (n,) each to (n, 7).

    Take a common value off both sides where they are far from 0: variances come from squares.
    """
    a, p = (np.asarray(side, np.float64) for side in (actual, predicted))
    return np.stack([np.ones_like(a), a, p, a * a, p * p, a * p, np.abs(a - p)], axis=-1)


def agreement(total: Floats) -> Agreement:
    """The scores of sums of rows (..., 7)."""
    n = np.where(total[..., 0] > 0, total[..., 0], np.nan)
    a, p, aa, pp, ap, distance = (total[..., i] / n for i in range(1, 7))
    spread = FLAT * (aa + pp)
    var_a, var_p = (_not_flat(x - m * m, spread) for x, m in ((aa, a), (pp, p)))
    varies_a, varies_p = var_a > 0, var_p > 0
    cov = np.where(varies_a & varies_p, ap - a * p, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ccc = 2 * cov / (var_a + var_p + (a - p) ** 2)
        pcc = np.clip(cov / np.sqrt(var_a * var_p), -1, 1)
    return Agreement(
        ccc=np.where(varies_a | varies_p, ccc, np.nan),
        pcc=np.where(varies_a & varies_p, pcc, np.nan),
        mae=distance,
    )


def _not_flat(variance: Floats, spread: Floats) -> Floats:
    return np.where(variance > spread, variance, 0.0)

"""Scores of arousal, valence and dominance: agreement of numbers with numbers.

Each is a function of sums (n, x, y, xx, yy, xy, |x - y|), so that resamples add up.
Source of CCC: Lin 1989.
"""

from dataclasses import dataclass

import numpy as np

from training.metrics import Floats

NAMES = ("ccc", "pcc", "mae")
CONSTANT = 1e-12  # a variance below this, against the squared scale, is none


@dataclass(frozen=True)
class Agreement:
    """Scores of predicted against actual values, NaN where not defined.

    Shape:
        (...), as the sums they are of
    """

    ccc: Floats  # concordance correlation: 2 cov / (var x + var y + (mean x - mean y)^2)
    pcc: Floats  # Pearson's correlation
    mae: Floats  # mean absolute error


def moments(actual: Floats, predicted: Floats) -> Floats:
    """What is summed for each row: (n, 7)."""
    one = np.ones(len(actual))
    x, y = actual, predicted
    return np.stack([one, x, y, x * x, y * y, x * y, np.abs(x - y)], axis=1)


def agreement(sums: Floats) -> Agreement:
    """Scores of sums (..., 7) over rows of `moments`.

    Variances are those of the population. Of constants there is no PCC, and no CCC if both are.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        n, x, y, xx, yy, xy, distance = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
        mean_x, mean_y = x / n, y / n
        var_x, var_y, cov = xx / n - mean_x**2, yy / n - mean_y**2, xy / n - mean_x * mean_y
        var_x, var_y = (
            np.where(v > CONSTANT * np.maximum(square / n, 1), v, 0.0)
            for v, square in ((var_x, xx), (var_y, yy))
        )
        spread = var_x + var_y
        return Agreement(
            ccc=np.where(spread > 0, 2 * cov / (spread + (mean_x - mean_y) ** 2), np.nan),
            pcc=np.where(var_x * var_y > 0, cov / np.sqrt(var_x * var_y), np.nan),
            mae=distance / n,
        )

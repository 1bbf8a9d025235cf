"""Whether probabilities mean what they say.

Sources: expected calibration error and temperature scaling as in Guo et al. 2017; risk-coverage
curves as in Geifman and El-Yaniv 2017.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.answers import Answers
from pipeline.evaluation.bootstrap import RESAMPLES, Estimate, estimate, resample
from training.metrics import Floats

BINS = 15  # of equal width, over the probability of the answer
PARTS = 1000  # of one, to which confidences are rounded for resampling
EDGE = 1e-5  # of a bin: more than float32 rounds, so that 0.6 is 0.6
TINY = 1e-12  # the least probability whose logarithm is taken
LOG_TEMPERATURES = (-3.0, 3.0)  # searched: 0.05 to 20
AT_END = 1e-2  # this near to an end of the search nothing was found
ALL_RIGHT = "all validation answers are right, which determines no temperature"
AT_THE_END = "validation determines no temperature between 0.05 and 20"
COVERAGES = (1.0, 0.9, 0.8, 0.5)
POINTS = 200  # of a risk-coverage curve, which may have 100,000


@dataclass(frozen=True)
class Reliability:
    """The answers by how sure they are.

    Shape:
        count, confidence, accuracy: (BINS,), the last two means, NaN in an empty bin
    """

    count: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats

    @property
    def ece(self) -> float:
        """Expected calibration error: mean distance of accuracy and confidence over answers."""
        filled = self.count > 0
        gap = np.abs(self.accuracy - self.confidence)[filled]
        return float(gap @ self.count[filled] / self.count.sum())


@dataclass(frozen=True)
class Temperature:
    """What the logits of one model are divided by."""

    fold: int
    seed: int
    value: float | None  # None: validation determines none
    why: str = ""


@dataclass(frozen=True)
class Calibration:
    """A run's calibration, as it is and after temperature scaling."""

    ece: Estimate
    nll: float  # mean negative log-likelihood, nats
    brier: float  # mean squared distance of the probabilities from the one-hot label
    reliability: Reliability
    temperatures: tuple[Temperature, ...]
    scaled_ece: float | None
    scaled_nll: float | None
    scaled: Reliability | None
    why: str  # there is nothing scaled


def calibrate(
    answers: Answers, validation: Answers | None, resamples: int = RESAMPLES
) -> Calibration:
    """Calibration of test answers; temperatures are fitted on the validation part of each model.

    Args:
        validation: None where the predictions hold none.
    """
    found = reliability(answers)
    temperatures = fit_temperatures(answers, validation)
    why = "; ".join(dict.fromkeys(t.why for t in temperatures if t.value is None))
    scaled = None if why else scale(answers, temperatures)
    return Calibration(
        ece=_ece(answers, found, resamples),
        nll=nll(answers),
        brier=brier(answers),
        reliability=found,
        temperatures=temperatures,
        scaled_ece=reliability(scaled).ece if scaled else None,
        scaled_nll=nll(scaled) if scaled else None,
        scaled=reliability(scaled) if scaled else None,
        why=why,
    )


def reliability(answers: Answers) -> Reliability:
    """Answers in bins of the probability that they were given with."""
    sure = answers.probabilities.max(axis=1)
    count, confidence, right = (_binned(sure, v) for v in (np.ones(len(sure)), sure, answers.right))
    with np.errstate(invalid="ignore"):
        return Reliability(count.astype(np.int64), confidence / count, right / count)


def nll(answers: Answers) -> float:
    """Mean negative log-likelihood of the labels, in nats."""
    p = answers.probabilities[np.arange(len(answers)), answers.label]
    return float(-np.log(np.maximum(p, TINY)).mean())


def brier(answers: Answers) -> float:
    """Mean squared distance of the probabilities from the label, 0 to 2."""
    actual = np.eye(len(answers.classes))[answers.label]
    return float(((answers.probabilities - actual) ** 2).sum(axis=1).mean())


def fit_temperatures(answers: Answers, validation: Answers | None) -> tuple[Temperature, ...]:
    """A temperature for each fold and seed, that makes its validation labels likeliest."""
    models = sorted(set(zip(answers.fold.tolist(), answers.seed.tolist(), strict=True)))
    if validation is None:
        why = "no validation part apart from the test part; if the split has one, evaluate again"
        return tuple(Temperature(fold, seed, None, why) for fold, seed in models)
    if validation.classes != answers.classes:
        why = "the validation part is of another task"
        return tuple(Temperature(fold, seed, None, why) for fold, seed in models)
    return tuple(
        _fit(validation.where((validation.fold == fold) & (validation.seed == seed)), fold, seed)
        for fold, seed in models
    )


def scale(answers: Answers, temperatures: tuple[Temperature, ...]) -> Answers:
    """The same answers with each model's logits divided by its temperature."""
    value = {(t.fold, t.seed): t.value for t in temperatures}
    models = zip(answers.fold.tolist(), answers.seed.tolist(), strict=True)
    per_row = np.array([value[model] for model in models], np.float64)
    return replace(answers, probabilities=_softened(answers.probabilities, per_row[:, None]))


def selective(answers: Answers) -> Floats:
    """Accuracy of the answers given when only the surest are; (n,), entry k of the k + 1 surest.

    Equally sure answers share their accuracy, so that their order does not matter.
    """
    sure = answers.probabilities.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    _, group, size = np.unique(-sure[order], return_inverse=True, return_counts=True)
    right = np.bincount(group, weights=answers.right[order]) / size
    n = len(answers)
    return np.asarray(np.cumsum(right[group]) / np.arange(1, n + 1), np.float64)


def at_coverages(accuracies: Floats) -> dict[float, float]:
    """Accuracy at the shares of COVERAGES."""
    n = len(accuracies)
    return {c: float(accuracies[max(1, round(c * n)) - 1]) for c in COVERAGES}


def thinned(accuracies: Floats) -> Floats:
    """At most POINTS of a curve of `selective`, evenly: share answered, accuracy; (points, 2)."""
    n = len(accuracies)
    chosen = np.unique(np.linspace(0, n - 1, min(POINTS, n)).astype(int))
    return np.stack([(chosen + 1) / n, accuracies[chosen]], axis=1)


def _ece(answers: Answers, found: Reliability, resamples: int) -> Estimate:
    sure = answers.probabilities.max(axis=1)
    # Confidence less accuracy in the answer's bin, in thousandths: few kinds of answers to draw.
    gap = np.zeros((len(answers), BINS + 1), np.int32)
    whole = np.round(PARTS * sure).astype(np.int32) - PARTS * answers.right
    gap[np.arange(len(answers)), _bins(sure)] = whole
    gap[:, BINS] = PARTS
    drawn = resample(answers, gap, 0, resamples)

    def centred(sums: Floats) -> Floats:
        """Resampling adds to a sum of distances; what it adds is taken off again."""
        drawn_ece = np.abs(sums[:, :BINS]).sum(axis=1) / sums[:, BINS]
        return np.asarray(np.maximum(0, drawn_ece - np.median(drawn_ece) + found.ece))

    return estimate(found.ece, drawn, centred)


def _fit(validation: Answers, fold: int, seed: int) -> Temperature:
    from scipy.optimize import minimize_scalar

    if not len(validation):
        return Temperature(fold, seed, None, f"fold {fold} has no validation answers")
    if validation.right.all():
        return Temperature(fold, seed, None, f"fold {fold}: {ALL_RIGHT}")
    logs = np.log(np.maximum(validation.probabilities, TINY))
    rows, label = np.arange(len(logs)), validation.label

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        top = scaled.max(axis=1)
        total = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top
        return float((total - scaled[rows, label]).mean())

    best = float(minimize_scalar(loss, bounds=LOG_TEMPERATURES, method="bounded").x)
    if min(abs(best - end) for end in LOG_TEMPERATURES) < AT_END:
        return Temperature(fold, seed, None, f"fold {fold}: {AT_THE_END}")
    return Temperature(fold, seed, float(np.exp(best)))


def _softened(probabilities: Floats, temperature: Floats) -> Floats:
    logs = np.log(np.maximum(probabilities, TINY)) / temperature
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


def _bins(sure: Floats) -> NDArray[np.int64]:
    """Bin b holds b / BINS < sure <= (b + 1) / BINS."""
    return np.clip(np.ceil(sure * BINS - EDGE).astype(np.int64) - 1, 0, BINS - 1)


def _binned(sure: Floats, values: NDArray[np.generic]) -> Floats:
    sums = np.bincount(_bins(sure), weights=values.astype(np.float64), minlength=BINS)
    return np.asarray(sums, np.float64)

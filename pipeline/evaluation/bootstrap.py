"""Intervals by resampling utterances, and by resampling speakers with all they said.

A resample is described by how often each unit is in it, so its confusion matrix is a weighted sum
of the units' own: one matrix product for all resamples. Utterances answered alike are alike, so
it is drawn how many of each kind come, which has the same distribution as drawing them one by one
and costs nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.answers import Answers, Codes
from training.metrics import Floats

RESAMPLES = 1000
LEVEL = 0.95
MAX_UNDEFINED = 0.05  # of resamples in which a score has no value
MIN_SPEAKERS = 3  # fewer make only a handful of different resamples
SAME = 1e-12  # an interval narrower than this says nothing of how sure a score is
AT_ONCE = 1 << 22  # weights in memory

Unit = Literal["speakers", "utterances"]


@dataclass(frozen=True)
class Interval:
    """Where a score lies in 95 % of the resamples."""

    low: float
    high: float
    unit: Unit  # that was resampled

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low


@dataclass(frozen=True)
class Estimate:
    """A score with its intervals, the wider first; `value` None or no interval: `why` says it."""

    value: float | None
    intervals: tuple[Interval, ...] = ()
    why: str = ""

    @property
    def interval(self) -> Interval | None:
        """The widest interval."""
        return self.intervals[0] if self.intervals else None


@dataclass(frozen=True)
class Resamples:
    """Sums over the units of each resample, for each kind of unit that can be resampled.

    Shape:
        sums[unit]: (resamples, ...), as the units' own (units, ...)
    """

    sums: dict[Unit, Floats]
    why: dict[Unit, str]  # of the kinds that cannot be


class Units(Protocol):
    """Rows that are of an utterance and of a speaker (-1: unknown), as codes; (n,) each."""

    @property
    def utterance(self) -> Codes:
        """The utterance of each row."""

    @property
    def speaker(self) -> Codes:
        """The speaker of each row."""


def resample(
    rows: Units, values: NDArray[np.number], seed: int, resamples: int = RESAMPLES
) -> Resamples:
    """Resample rows with their `values` by speaker and by utterance.

    Shape:
        values: (n, ...), what is summed
    """
    sums: dict[Unit, Floats] = {}
    why = reasons(rows)
    units: dict[Unit, Codes] = {"speakers": rows.speaker, "utterances": rows.utterance}
    for unit, codes in units.items():
        if unit not in why:
            draw = np.random.default_rng([seed, len(unit)])
            sums[unit] = _resampled(sum_by(codes, values), draw, resamples)
    return Resamples(sums, why)


def reasons(rows: Units) -> dict[Unit, str]:
    """Why a kind of unit cannot be resampled; nothing for those that can."""
    why: dict[Unit, str] = {}
    speakers = len(np.unique(rows.speaker))
    if (rows.speaker < 0).any():
        why["speakers"] = f"{int((rows.speaker < 0).sum())} answers are of unknown speakers"
    elif speakers < MIN_SPEAKERS:
        why["speakers"] = f"{speakers} speaker{'s' if speakers > 1 else ''}, {MIN_SPEAKERS} needed"
    if len(np.unique(rows.utterance)) < 2:
        why["utterances"] = "a single utterance"
    return why


def confusions(answers: Answers, seed: int = 0, resamples: int = RESAMPLES) -> Resamples:
    """Confusion counts of resamples: (resamples, classes, classes) for each kind of unit."""
    n = len(answers.classes)
    found = resample(answers, cells(answers), seed, resamples)
    return Resamples({u: s.reshape(-1, n, n) for u, s in found.sums.items()}, found.why)


def cells(answers: Answers) -> NDArray[np.int32]:
    """The confusion matrix of each row, flat: a one and zeros; (n, classes * classes)."""
    n = len(answers.classes)
    found = np.zeros((len(answers), n * n), np.int32)
    found[np.arange(len(answers)), answers.label * n + answers.prediction] = 1
    return found


def estimate(
    value: float, drawn: Resamples, score: Callable[[Floats], Floats], undefined: str = ""
) -> Estimate:
    """A score and its intervals.

    Args:
        value: NaN when it is not defined, which `undefined` then explains.
        score: from sums (resamples, ...) to scores (resamples,), NaN where one is not defined.
    """
    if not np.isfinite(value):
        return Estimate(None, (), undefined or "not defined here")
    found, why = [], list(drawn.why.items())
    for unit, sums in drawn.sums.items():
        scores = score(sums)
        missing = float(np.isnan(scores).mean())
        if missing > MAX_UNDEFINED:
            why.append((unit, f"not defined in {missing:.0%} of the resamples"))
            continue
        low, high = np.nanpercentile(scores, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
        if high - low < SAME:
            why.append((unit, "the same in every resample"))
            continue
        found.append(Interval(float(low), float(high), unit))
    found.sort(key=lambda interval: -interval.width)
    told = "; ".join(f"no interval over {unit}: {reason}" for unit, reason in why)
    return Estimate(float(value), tuple(found), told)


def sum_by(codes: Codes, values: NDArray[np.number]) -> NDArray[np.number]:
    """Sums of the rows of each code, in the order of codes: (codes that occur, ...)."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-2))
    return np.add.reduceat(values[order], starts, axis=0)


def _kinds(units: NDArray[np.number]) -> tuple[NDArray[np.number], NDArray[np.int64]]:
    """The distinct units, and how many there are of each.

    Whole numbers are told apart by a sum with large random weights, which two distinct units share
    with a chance of 2^-64: some ten times faster than comparing them. Of other numbers no two are
    expected to be alike.
    """
    if not np.issubdtype(units.dtype, np.integer):
        return units, np.ones(len(units), np.int64)
    flat = units.reshape(len(units), -1).astype(np.uint64)
    bits = np.random.PCG64(0).random_raw(flat.shape[1]).astype(np.uint64)
    mark = (flat * bits).sum(axis=1, dtype=np.uint64)
    _, first, members = np.unique(mark, return_index=True, return_counts=True)
    return units[first], members


def _resampled(units: NDArray[np.number], draw: np.random.Generator, resamples: int) -> Floats:
    """Sums over as many units as there are, drawn with replacement: (resamples, ...)."""
    kinds, members = _kinds(units)
    out = np.empty((resamples, *units.shape[1:]))
    step = max(1, AT_ONCE // len(kinds))
    for start in range(0, resamples, step):
        part = out[start : start + step]
        weights = _weights(members, draw, len(part))
        sums = weights.astype(np.float64) @ kinds.reshape(len(kinds), -1)
        part[:] = sums.reshape(part.shape)
    return out


def _weights(
    members: NDArray[np.int64], draw: np.random.Generator, resamples: int
) -> NDArray[np.int64]:
    """How often each kind comes among as many units as there are; (resamples, kinds).

    Where nearly each is a kind of its own, drawing units one by one is some ten times faster than
    drawing how many of each kind come, and comes to the same.
    """
    n = int(members.sum())
    if len(members) <= n / 2:
        return draw.multinomial(n, members / n, size=resamples)
    drawn = draw.integers(n, size=(resamples, n))
    if len(members) < n:
        drawn = np.repeat(np.arange(len(members)), members)[drawn]
    drawn += len(members) * np.arange(resamples)[:, None]  # so that one count counts all
    return np.bincount(drawn.ravel(), minlength=resamples * len(members)).reshape(resamples, -1)

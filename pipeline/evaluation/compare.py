"""Two runs on the same utterances: what changed, and whether it may be chance."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.answers import Answers, Codes, named
from pipeline.evaluation.bootstrap import (
    RESAMPLES,
    Estimate,
    Resamples,
    cells,
    estimate,
    resample,
    sum_by,
)
from pipeline.evaluation.runscores import NAMES
from training.metrics import Floats, Scores, scores


class ComparisonError(ValueError):
    """Two runs that cannot be compared."""


@dataclass(frozen=True)
class Difference:
    """A score of both sides, and B less A; None where not defined."""

    a: float | None
    b: float | None
    difference: Estimate


@dataclass(frozen=True)
class McNemar:
    """Whether one side is right more often where only one is; exact, two-sided."""

    only_a: int  # utterances that A alone gets right
    only_b: int
    p: float | None
    why: str = ""


@dataclass(frozen=True)
class Change:
    """An utterance that is answered otherwise."""

    utt_id: str
    speaker: str
    label: str
    a: str
    b: str
    verdict: str  # won, lost, or other (wrong on both sides)


@dataclass(frozen=True)
class Part:
    """A class or a speaker."""

    name: str
    utterances: int
    won: int  # right in B alone
    lost: int  # right in A alone
    a: float  # share right
    b: float


@dataclass(frozen=True)
class Comparison:
    """B against A on the same utterances.

    An utterance with several seeds or folds counts with its most probable class on average.
    """

    utterances: int
    speakers: int
    averaged: bool  # some utterance has several answers
    scores: dict[str, Difference]
    mcnemar: McNemar
    changes: tuple[Change, ...]  # lost first, then won, then other; by name
    by_class: tuple[Part, ...]
    by_speaker: tuple[Part, ...]  # that won or lost, the largest loss first


@dataclass(frozen=True)
class _Pair:
    """The two sides by utterance, in the same order.

    Shape:
        utterance, speaker, label, a, b: (utterances,), a and b the answers
    """

    utterance: Codes
    speaker: Codes
    label: Codes
    a: Codes
    b: Codes


def compare(a: Answers, b: Answers, resamples: int = RESAMPLES) -> Comparison:
    """Compare two runs.

    Raises:
        ComparisonError: they are of different tasks or test sets.
    """
    refuse_different(a, b)
    b = _in_order_of(a.classes, b)
    pair = _pair(a, b)
    return Comparison(
        utterances=len(pair.label),
        speakers=len(np.unique(pair.speaker[pair.speaker >= 0])),
        averaged=max(len(a), len(b)) > len(pair.label),
        scores=_differences(a, b, pair, resamples),
        mcnemar=_mcnemar(pair),
        changes=_changes(a, pair),
        by_class=_parts(pair, pair.label, list(a.classes)),
        by_speaker=_moved(_parts(pair, pair.speaker, a.speakers.tolist())),
    )


def refuse_different(a: Answers, b: Answers) -> None:
    """Check that two runs answered the same question about the same utterances.

    Raises:
        ComparisonError: they did not, with how they differ.
    """
    if set(a.classes) != set(b.classes):
        raise ComparisonError(
            f"different tasks: A tells apart {', '.join(a.classes)}; B {', '.join(b.classes)}"
        )
    ids_a, ids_b = a.utt_ids.astype(str), b.utt_ids.astype(str)
    only_a, only_b = np.setdiff1d(ids_a, ids_b), np.setdiff1d(ids_b, ids_a)
    if len(only_a) or len(only_b):
        told = [
            f"{len(only)} of {len(side.utt_ids)} utterances are in {name} alone ({named(only)})"
            for name, only, side in (("A", only_a, a), ("B", only_b, b))
            if len(only)
        ]
        raise ComparisonError(f"different test sets: {'; '.join(told)}")
    truth_a, truth_b = (
        np.array(side.classes, object)[_first(side.utterance, side.label)] for side in (a, b)
    )
    if (moved := truth_a != truth_b).any():
        raise ComparisonError(
            f"different labels: {int(moved.sum())} of {len(moved)} utterances are labelled "
            f"otherwise, first: {named(a.utt_ids[moved])}"
        )


def _in_order_of(classes: tuple[str, ...], answers: Answers) -> Answers:
    order = [answers.classes.index(name) for name in classes]
    back = np.argsort(order)
    return replace(
        answers,
        classes=classes,
        label=back[answers.label],
        prediction=back[answers.prediction],
        probabilities=answers.probabilities[:, order],
    )


def _pair(a: Answers, b: Answers) -> _Pair:
    return _Pair(
        utterance=np.arange(len(a.utt_ids)),
        speaker=_first(a.utterance, a.speaker),
        label=_first(a.utterance, a.label),
        a=_answer(a),
        b=_answer(b),
    )


def _first(codes: Codes, values: Codes) -> Codes:
    """The value of each code's first row; rows are sorted by code."""
    return values[np.flatnonzero(np.diff(codes, prepend=-1))]


def _answer(answers: Answers) -> Codes:
    """One answer per utterance: its own, or of several the most probable class on average."""
    if len(answers) == len(answers.utt_ids):
        return answers.prediction
    return np.asarray(sum_by(answers.utterance, answers.probabilities).argmax(axis=1))


def _differences(a: Answers, b: Answers, pair: _Pair, resamples: int) -> dict[str, Difference]:
    n = len(a.classes)
    values = np.hstack([sum_by(side.utterance, cells(side)) for side in (a, b)])
    drawn = resample(pair, values, 0, resamples)
    sides = {unit: _both(sums, n) for unit, sums in drawn.sums.items()}
    whole = _both(values.sum(axis=0)[None], n)
    found = {}
    for name in NAMES:
        value_a, value_b = (float(getattr(side, name)[0]) for side in whole)
        lost = {u: getattr(y, name) - getattr(x, name) for u, (x, y) in sides.items()}
        why = "one class is tested" if name != "wa" and n - _absent(whole[0]) < 2 else ""
        found[name] = Difference(
            None if why else value_a,
            None if why else value_b,
            estimate(np.nan if why else value_b - value_a, Resamples(lost, drawn.why), _same, why),
        )
    return found


def _absent(found: Scores) -> int:
    return int(np.isnan(found.recall[0]).sum())


def _same(values: Floats) -> Floats:
    return values


def _both(sums: NDArray[np.number], n: int) -> tuple[Scores, Scores]:
    counts = np.asarray(sums, np.float64).reshape(len(sums), 2, n, n)
    return scores(counts[:, 0]), scores(counts[:, 1])


def _mcnemar(pair: _Pair) -> McNemar:
    from scipy.stats import binomtest

    right_a, right_b = pair.a == pair.label, pair.b == pair.label
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    if only_a + only_b == 0:
        return McNemar(0, 0, None, "both are right about the same utterances")
    return McNemar(only_a, only_b, float(binomtest(only_a, only_a + only_b).pvalue))


def _changes(answers: Answers, pair: _Pair) -> tuple[Change, ...]:
    rows = np.flatnonzero(pair.a != pair.b)
    classes, speakers = answers.classes, answers.speakers
    changes = [
        Change(
            utt_id=str(answers.utt_ids[row]),
            speaker=str(speakers[pair.speaker[row]]) if pair.speaker[row] >= 0 else "",
            label=classes[pair.label[row]],
            a=classes[pair.a[row]],
            b=classes[pair.b[row]],
            verdict=_verdict(pair, row),
        )
        for row in rows.tolist()
    ]
    order = ("lost", "won", "other")
    return tuple(sorted(changes, key=lambda c: (order.index(c.verdict), c.utt_id)))


def _verdict(pair: _Pair, row: int) -> str:
    if pair.a[row] == pair.label[row]:
        return "lost"
    return "won" if pair.b[row] == pair.label[row] else "other"


def _parts(pair: _Pair, codes: Codes, names: list[str]) -> tuple[Part, ...]:
    right_a, right_b = pair.a == pair.label, pair.b == pair.label
    parts = []
    for code, name in enumerate(names):
        here = codes == code
        if here.any():
            parts.append(
                Part(
                    name=str(name),
                    utterances=int(here.sum()),
                    won=int((here & right_b & ~right_a).sum()),
                    lost=int((here & right_a & ~right_b).sum()),
                    a=float(right_a[here].mean()),
                    b=float(right_b[here].mean()),
                )
            )
    return tuple(parts)


def _moved(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    moved = [part for part in parts if part.won or part.lost]
    return tuple(sorted(moved, key=lambda part: (part.won - part.lost, part.name)))

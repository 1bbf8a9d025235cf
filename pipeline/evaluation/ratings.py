"""Answers on dimensions, as arousal: how far they agree with the ratings, with intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.answers import AnswersError, Codes, coded, integers, named
from pipeline.evaluation.bootstrap import (
    RESAMPLES,
    Estimate,
    Resamples,
    estimate,
    resample,
    sum_by,
)
from pipeline.evaluation.compare import ComparisonError, Difference
from training.agreement import agreement, sums
from training.metrics import Floats

AGREEMENTS = {"ccc": "CCC", "pcc": "PCC", "mae": "MAE"}
UNDEFINED = {
    "ccc": "neither the ratings nor the answers vary",
    "pcc": "the ratings or the answers do not vary",
    "mae": "no utterance is rated",
}


@dataclass(frozen=True)
class Rated:
    """A row per utterance, fold and seed that is rated on one dimension, sorted so.

    Shape:
        utterance, speaker, fold, seed: (n,) codes, `speaker` -1 where unknown; actual, predicted:
            (n,), on the scale of the corpus
    """

    dimension: str
    utt_ids: NDArray[np.object_]  # sorted
    utterance: Codes
    speaker: Codes
    fold: Codes
    seed: Codes
    actual: Floats
    predicted: Floats

    def where(self, chosen: NDArray[np.bool_]) -> "Rated":
        """Some of the rows."""
        rows = ("utterance", "speaker", "fold", "seed", "actual", "predicted")
        return replace(self, **{name: getattr(self, name)[chosen] for name in rows})


@dataclass(frozen=True)
class DimensionScores:
    """One dimension; every mapping from a score has the keys of AGREEMENTS."""

    dimension: str
    rows: int  # rated
    utterances: int
    pooled: Mapping[str, Estimate]
    folds: Mapping[int, Mapping[str, Estimate]]  # over the seeds of the fold together
    seeds: Mapping[int, Mapping[str, Estimate]]  # over all folds


@dataclass(frozen=True)
class DimensionDifference:
    """One dimension in both sides of a comparison."""

    dimension: str
    utterances: int
    scores: Mapping[str, Difference]


def read_rated(connection: Any, run: str) -> list[Rated]:
    """The test answers of a run on each of its dimensions; none where it learned none.

    Args:
        connection: DuckDB with the view `predictions`.

    Raises:
        AnswersError: an answer is not finite, or given twice.
    """
    columns = {name for name, *_ in connection.execute("DESCRIBE predictions").fetchall()}
    if "predicted_ratings" not in columns:  # of an older version
        return []
    told = connection.execute(
        "SELECT DISTINCT map_keys(predicted_ratings) FROM predictions WHERE run = ?", [run]
    ).fetchall()
    if len(told) > 1:
        names = "; ".join(sorted(", ".join(keys or ["none"]) for (keys,) in told))
        raise AnswersError(
            f"run {run!r}: its predictions are of several tasks, with the dimensions {names}; "
            f"run `dvc repro evaluate@{run}`"
        )
    return [_read(connection, run, name) for (keys,) in told for name in keys or ()]


def _read(connection: Any, run: str, dimension: str) -> Rated:
    table = connection.sql(
        "SELECT utt_id, CASE WHEN speaker <> '' THEN corpus || '/' || speaker END AS speaker, "
        "fold::BIGINT AS fold, seed::BIGINT AS seed, ratings[$d]::DOUBLE AS actual, "
        "predicted_ratings[$d]::DOUBLE AS predicted FROM predictions "
        "WHERE run = $run AND ratings[$d] IS NOT NULL ORDER BY utt_id, fold, seed",
        params={"run": run, "d": dimension},
    ).to_arrow_table()
    utt_ids, utterance = coded(table["utt_id"])
    _, speaker = coded(table["speaker"])
    fold, seed = integers(table["fold"]), integers(table["seed"])
    actual, predicted = (
        np.asarray(table[name].to_numpy(), np.float64) for name in ("actual", "predicted")
    )
    found = Rated(dimension, utt_ids, utterance, speaker, fold, seed, actual, predicted)
    _check(run, found)
    return found


def _check(run: str, rated: Rated) -> None:
    again = np.zeros(len(rated.utterance), bool)
    keys = (rated.utterance, rated.fold, rated.seed)
    again[1:] = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    finite = np.isfinite(rated.actual) & np.isfinite(rated.predicted)
    for rows, complaint in ((~finite, "is not finite"), (again, "is given twice")):
        if rows.any():
            names = rated.utt_ids[np.unique(rated.utterance[rows])]
            raise AnswersError(
                f"run {run!r}: {rated.dimension} {complaint} in {int(rows.sum())} of {len(rows)} "
                f"rows, first: {named(names)}; run `dvc repro evaluate@{run}`"
            )


def score_rated(rated: Rated, resamples: int = RESAMPLES) -> DimensionScores:
    """CCC, PCC and MAE of one dimension, pooled and of each fold and seed."""
    pooled = _scores(rated, resamples)

    def parts(codes: Codes) -> dict[int, dict[str, Estimate]]:
        found: list[int] = np.unique(codes).tolist()
        if len(found) == 1:  # all there is
            return {found[0]: pooled}
        return {code: _scores(rated.where(codes == code), resamples) for code in found}

    return DimensionScores(
        dimension=rated.dimension,
        rows=len(rated.actual),
        utterances=len(np.unique(rated.utterance)),
        pooled=pooled,
        folds=parts(rated.fold),
        seeds=parts(rated.seed),
    )


def compare_rated(a: Rated, b: Rated, resamples: int = RESAMPLES) -> DimensionDifference:
    """B less A on one dimension, from resamples of both sides at once.

    Raises:
        ComparisonError: other utterances are rated, or otherwise.
    """
    if not np.array_equal(a.utt_ids.astype(str), b.utt_ids.astype(str)):
        only = np.setxor1d(a.utt_ids.astype(str), b.utt_ids.astype(str))
        raise ComparisonError(
            f"different test sets: {len(only)} utterances have {a.dimension} on one side alone "
            f"({named(only)})"
        )
    sides = [sum_by(side.utterance, _centred(side, a)) for side in (a, b)]
    truth_a, truth_b = (side.actual[np.diff(side.utterance, prepend=-1) != 0] for side in (a, b))
    if (moved := ~np.isclose(truth_a, truth_b)).any():
        raise ComparisonError(
            f"different ratings: {int(moved.sum())} of {len(moved)} utterances are rated otherwise "
            f"in {a.dimension}, first: {named(a.utt_ids[moved])}"
        )
    units = a.where(np.diff(a.utterance, prepend=-1) != 0)
    values = np.stack(sides, axis=1)
    drawn, total = resample(units, values, 0, resamples), values.sum(axis=0)

    def differ(name: str) -> Callable[[Floats], Floats]:
        return lambda s: agreements_of(s[..., 1, :], name) - agreements_of(s[..., 0, :], name)

    scores = {}
    for name, why in UNDEFINED.items():
        of_a, of_b = (float(agreements_of(total[side], name)) for side in (0, 1))
        scores[name] = Difference(
            a=of_a if np.isfinite(of_a) else None,
            b=of_b if np.isfinite(of_b) else None,
            difference=estimate(of_b - of_a, drawn, differ(name), why),
        )
    return DimensionDifference(a.dimension, len(a.utt_ids), scores)


def agreements_of(drawn: Floats, name: str) -> Floats:
    """One of AGREEMENTS of the sums (..., 7) of resamples; (...)."""
    return np.asarray(getattr(agreement(drawn), name))


def score_resampled(
    rated: Rated, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[dict[str, Estimate], Resamples]:
    """The three scores of some rows, and the sums of the resamples behind their intervals."""
    values = _centred(rated, rated)
    drawn, total = resample(rated, values, seed, resamples), values.sum(axis=0)
    scores = {
        name: estimate(float(agreements_of(total, name)), drawn, _score(name), why)
        for name, why in UNDEFINED.items()
    }
    return scores, drawn


def _scores(rated: Rated, resamples: int) -> dict[str, Estimate]:
    if not len(rated.actual):
        return dict.fromkeys(AGREEMENTS, Estimate(None, (), "no utterance is rated"))
    return score_resampled(rated, resamples=resamples)[0]


def _score(name: str) -> Callable[[Floats], Floats]:
    return lambda total: agreements_of(total, name)


def _centred(rated: Rated, by: Rated) -> Floats:
    """The sums of each row, around the mean rating, where squares lose nothing; (n, 7)."""
    middle = by.actual.mean() if len(by.actual) else 0.0
    return sums(rated.actual - middle, rated.predicted - middle)

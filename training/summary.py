"""The scores of a run, of its answers to the test parts, as plain values for metrics.json."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training import metrics
from training.agreement import agreement, sums
from training.answers import FoldResult, normalisation_of
from training.cache import TensorCache
from training.metrics import Counts
from training.normalise import speakers
from training.settings import RunSettings

SCORES = ("wa", "ua", "f1_weighted", "f1_macro")


def summarise(
    run: RunSettings, cache: TensorCache, results: Sequence[FoldResult]
) -> dict[str, Any]:
    """Scores as plain JSON values.

    `pooled` comes from the counts of all folds and seeds together, `mean` and `std` (sample
    deviation) from the scores of the folds, each over its seeds; `seed_std` is the deviation of the
    pooled scores between seeds. A run that learns dimensions has CCC, PCC and MAE of each, pooled
    and of each fold (over its seeds) and seed. What is not defined is None.
    """
    total = metrics.scores(sum_counts(results))
    folds = sorted({r.fold for r in results})
    by_fold = {f: _mean([_scores(r.counts) for r in results if r.fold == f]) for f in folds}
    by_seed = [_scores(sum_counts([r for r in results if r.seed == s])) for s in run.seeds]
    recall = dict(zip(cache.classes, total.recall.tolist(), strict=True))
    found = {
        "pooled": _scores(sum_counts(results)),
        "mean": _mean(list(by_fold.values())),
        "std": _deviation(list(by_fold.values())),
        "seed_std": _deviation(by_seed),
        "fold": {str(fold): scores for fold, scores in by_fold.items()},
        "recall": recall,
        "n": len({int(row) for r in results for row in r.rows}),
        "task": run.task,
        "split": run.split,
        "protocol": cache.meta["splits"][run.split]["protocol"],
        "normalisation": normalisation_of(run),
        "warnings": warnings_about(run, cache),
        "source": run.source,
        "modalities": list(run.modalities),
        "seeds": list(run.seeds),
        "members": run.training.members,
        "dimensions": _rated(run, cache, results) if run.training.regression else {},
    }
    plain: dict[str, Any] = _told(found)
    return plain


def warnings_about(run: RunSettings, cache: TensorCache) -> list[str]:
    """What a reader of the scores must know.

    The statistics of a speaker with recordings of one class are those of the class: taking them
    away takes the emotion away.
    """
    if normalisation_of(run) != "speaker":
        return []
    group, n = speakers(cache)
    lone = [g for g in range(n) if len(set(cache.label[group == g])) == 1]
    if not lone:
        return []
    names = sorted({cache.index["speaker"][int(np.argmax(group == g))].as_py() for g in lone})
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return [
        f"each speaker is normalised by their own recordings, and {len(lone)} of {n} speakers have "
        f"recordings of one class alone ({shown}): this hides their emotion; use `train`"
    ]


def sum_counts(results: Sequence[FoldResult]) -> Counts:
    """Confusion counts of several results together."""
    return np.sum([r.counts for r in results], axis=0)  # type: ignore[no-any-return]


def _rated(
    run: RunSettings, cache: TensorCache, results: Sequence[FoldResult]
) -> dict[str, dict[str, Any]]:
    """The scores of dimensions: pooled, by fold and by seed."""
    folds = sorted({r.fold for r in results})
    return {
        "pooled": _agreements(cache, results),
        "fold": {str(f): _agreements(cache, [r for r in results if r.fold == f]) for f in folds},
        "seed": {
            str(s): _agreements(cache, [r for r in results if r.seed == s]) for s in run.seeds
        },
    }


def _scores(counts: Counts) -> dict[str, float]:
    """Scores of classes, all NaN where no answer is a class."""
    found = metrics.scores(counts)
    return {name: float(getattr(found, name)) for name in SCORES}


def _agreements(cache: TensorCache, results: Sequence[FoldResult]) -> dict[str, dict[str, float]]:
    """CCC, PCC and MAE of each dimension over some results together."""
    rows = np.concatenate([r.rows for r in results])
    actual, predicted = cache.ratings[rows], np.concatenate([r.ratings for r in results])
    found = {}
    for i, name in enumerate(cache.dimensions):
        known = np.isfinite(actual[:, i])
        middle = actual[known, i].mean() if known.any() else 0.0
        each = sums(actual[known, i] - middle, predicted[known, i] - middle)
        scores = agreement(each.sum(axis=0))
        found[name] = {k: float(v) for k, v in vars(scores).items()} | {
            "n": len(np.unique(rows[known]))
        }
    return found


def _mean(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([s[name] for s in scores])) for name in SCORES}


def _deviation(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    if len(scores) == 1:
        return dict.fromkeys(SCORES, 0.0)
    return {name: float(np.std([s[name] for s in scores], ddof=1)) for name in SCORES}


def _told(values: Any) -> Any:
    """The same for JSON, which knows no NaN: None."""
    if isinstance(values, dict):
        return {name: _told(value) for name, value in values.items()}
    return None if isinstance(values, float) and np.isnan(values) else values

"""Ratings on dimensions, as arousal: their scale, and where they stand in what a network answers.

A network gives a number per dimension behind those of the classes. To it every corpus's scale runs
from -1 to 1; files hold the corpus's own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.cache import TensorCache
from training.settings import RunSettings
from training.train_settings import TrainSettings

Ratings = NDArray[np.float32]


@dataclass(frozen=True)
class OutputSizes:
    """How many numbers a network answers with: first those of the classes, then the dimensions."""

    classes: int  # 0 where none are learned
    dimensions: int


def output_sizes(settings: TrainSettings, cache: TensorCache) -> OutputSizes:
    """What a network trained so on a task answers."""
    regression = settings.regression
    if regression is None:
        return OutputSizes(len(cache.classes), 0)
    classes = 0 if regression.weight is None else len(cache.classes)
    return OutputSizes(classes, len(cache.dimensions))


def unit_ratings(cache: TensorCache) -> Ratings:
    """The ratings of each row with -1 and 1 for the ends of its corpus's scale, NaN where unknown.

    Shape:
        output: (rows, dimensions)
    """
    least, most = _ends(cache)
    return np.asarray(2 * (cache.ratings - least) / (most - least) - 1, np.float32)


def on_own_scale(cache: TensorCache, rows: NDArray[np.int64], answers: Ratings) -> Ratings:
    """What a network answers to some rows, on the scale of their corpora; (n, dimensions)."""
    least, most = (end[rows] for end in _ends(cache))
    return np.asarray(least + (answers + 1) / 2 * (most - least), np.float32)


def check_ratings(run: RunSettings, cache: TensorCache, fold: int) -> None:
    """See before training starts that the dimensions of a fold can be learned.

    Raises:
        ValueError: the cache has none, or the training or the validation part too few ratings.
    """
    if run.training.regression is None:
        return
    if not cache.dimensions:
        raise ValueError(
            f"run {run.name!r} learns dimensions, and {cache.folder} has none: name them under "
            f"tasks.{run.task}.dimensions, or set `regression: null` in the run's preset"
        )
    for subset in ("train", "val"):
        ratings = cache.ratings[cache.rows(run.split, fold, subset)]
        for name, column in zip(cache.dimensions, ratings.T, strict=True):
            known = column[np.isfinite(column)]
            if len(np.unique(known)) < 2:
                raise ValueError(
                    f"fold {fold} of split {run.split!r}: {len(known)} of {len(column)} utterances "
                    f"of the {subset} part have {name}, with {len(np.unique(known))} different "
                    f"values; concordance needs two. Choose another split, or take {name} out of "
                    f"tasks.{run.task}.dimensions"
                )


def _ends(cache: TensorCache) -> tuple[Ratings, Ratings]:
    """The least and the most of the scale of each row's corpus; (rows, 1) each."""
    scales = cache.meta["scales"]
    corpora = cache.index["corpus"].to_pylist()
    least, most = np.array([scales[name] for name in corpora], np.float32).T[..., None]
    return least, most

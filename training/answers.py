"""What trained folds answer: one result per fold, seed and part, and the table of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from training import metrics
from training.cache import TensorCache
from training.jobs import Ensemble
from training.metrics import Counts
from training.normalise import Rows
from training.ratings import Ratings, on_own_scale, output_sizes
from training.settings import RunSettings
from training.train_settings import Statistics

Subset = Literal["test", "val"]
PREDICTIONS = pa.schema(
    [
        ("run", pa.string()),
        ("utt_id", pa.string()),
        ("corpus", pa.string()),
        ("speaker", pa.string()),
        ("fold", pa.int16()),
        ("seed", pa.int64()),
        ("subset", pa.string()),  # test or val
        ("normalisation", pa.string()),  # train or speaker; null without audio
        ("label", pa.string()),
        ("prediction", pa.string()),
        ("probabilities", pa.map_(pa.string(), pa.float32())),
        # dimension -> value on the scale of the corpus; null where the run learns none
        ("ratings", pa.map_(pa.string(), pa.float32())),  # values are null where not rated
        ("predicted_ratings", pa.map_(pa.string(), pa.float32())),
    ]
)


@dataclass(frozen=True)
class FoldResult:
    """The test or validation part of one fold under one seed.

    Shape:
        rows: (n,) rows of the index; logits: (n, classes), no columns where no classes are learned;
            ratings: (n, dimensions) on the scales of the corpora
    """

    fold: int
    seed: int
    subset: Subset
    rows: Rows
    logits: NDArray[np.float32]
    ratings: Ratings
    counts: Counts  # all zero where no classes are learned


def fold_result(
    ensemble: Ensemble, cache: TensorCache, subset: Subset, rows: Rows, answers: Ratings
) -> FoldResult:
    """What networks answered together, taken apart into classes and dimensions.

    Shape:
        rows: (n,); answers: (n, classes + dimensions)
    """
    outputs = output_sizes(ensemble.run.training, cache)
    logits, apart = np.split(answers, [outputs.classes], axis=1)
    ratings = on_own_scale(cache, rows, apart) if outputs.dimensions else apart
    n = len(cache.classes)
    counts = np.zeros((n, n), np.int64)
    if outputs.classes:
        counts = metrics.count(cache.label[rows], np.argmax(logits, axis=1), n)
    return FoldResult(ensemble.fold, ensemble.seed, subset, rows, logits, ratings, counts)


def predictions_table(
    run: RunSettings, cache: TensorCache, results: Sequence[FoldResult]
) -> pa.Table:
    """One row per utterance tested or validated on, fold and seed, sorted so."""
    parts = [_fold_table(run, cache, result) for result in results]
    order = [(name, "ascending") for name in ("utt_id", "fold", "seed")]
    return pa.concat_tables(parts).sort_by(order).combine_chunks()


def normalisation_of(run: RunSettings) -> Statistics | None:
    """Whose statistics the spectrograms of a run are normalised by, if it hears any."""
    return run.training.normalisation if "audio" in run.modalities else None


def _fold_table(run: RunSettings, cache: TensorCache, result: FoldResult) -> pa.Table:
    n = len(result.rows)
    kept = cache.index.take(pa.array(result.rows))
    classes = np.array(cache.classes, dtype=object)
    columns = {
        "run": [run.name] * n,
        "utt_id": kept["utt_id"],
        "corpus": kept["corpus"],
        "speaker": kept["speaker"],
        "fold": [result.fold] * n,
        "seed": [result.seed] * n,
        "subset": [result.subset] * n,
        "normalisation": [normalisation_of(run)] * n,
        "label": classes[cache.label[result.rows]].tolist(),
        **dict.fromkeys(
            ("prediction", "probabilities", "ratings", "predicted_ratings"), [None] * n
        ),
    }
    if result.logits.shape[1]:
        shares = torch.from_numpy(result.logits).softmax(dim=1).tolist()
        columns["prediction"] = classes[np.argmax(result.logits, axis=1)].tolist()
        columns["probabilities"] = [list(zip(cache.classes, p, strict=True)) for p in shares]
    if result.ratings.shape[1]:
        columns["ratings"] = _by_dimension(cache, cache.ratings[result.rows])
        columns["predicted_ratings"] = _by_dimension(cache, result.ratings)
    return pa.table(columns, schema=PREDICTIONS)


def _by_dimension(cache: TensorCache, values: Ratings) -> list[list[tuple[str, float | None]]]:
    """Each row's values by their dimensions, None for NaN."""
    return [
        [(name, None if np.isnan(x) else x) for name, x in zip(cache.dimensions, row, strict=True)]
        for row in values.tolist()
    ]

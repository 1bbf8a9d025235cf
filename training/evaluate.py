"""Evaluation: the test part of every fold, its predictions and scores as files.

The answers to the validation part are kept beside those to the test part, under their own subset:
whoever calibrates probabilities needs them, and must not fit anything on the test part.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from training import metrics
from training.agreement import agreement, sums
from training.cache import TensorCache, open_cache
from training.checkpoint import load_fold, normalisation_on, vocabulary_of
from training.data import Features, open_features
from training.device import choose_device, own_chance
from training.distributed import is_writer
from training.files import write_text, write_whole
from training.jobs import FoldJob, plan
from training.memory import explain_memory
from training.metrics import Counts
from training.normalise import Rows, speakers
from training.predict import predict
from training.ratings import Ratings, on_own_scale, outputs_of
from training.settings import RunSettings
from training.train import HISTORY
from training.train_settings import Statistics

Subset = Literal["test", "val"]
SCORES = ("wa", "ua", "f1_weighted", "f1_macro")
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
    job: FoldJob, cache: TensorCache, subset: Subset, rows: Rows, answers: Ratings
) -> FoldResult:
    """What a network answered, taken apart into classes and dimensions.

    Shape:
        rows: (n,); answers: (n, classes + dimensions)
    """
    outputs = outputs_of(job.run.training, cache)
    logits, apart = np.split(answers, [outputs.classes], axis=1)
    ratings = on_own_scale(cache, rows, apart) if outputs.dimensions else apart
    n = len(cache.classes)
    counts = np.zeros((n, n), np.int64)
    if outputs.classes:
        counts = metrics.count(cache.label[rows], np.argmax(logits, axis=1), n)
    return FoldResult(job.fold, job.seed, subset, rows, logits, ratings, counts)


def evaluate_run(
    run: RunSettings,
    cache_dir: Path,
    run_dir: Path,
    *,
    predictions: Path,
    reports: Path,
    device: str = "auto",
) -> dict[str, Any]:
    """Score a trained run on its test parts; its metrics.

    Writes the Parquet file `predictions`, and metrics.json, confusion.csv (one row per answer) and
    curves.csv into the folder `reports`.

    Raises:
        ValueError: the run is not trained on this cache, the cache does not fit it, or an answer
            is not finite.
    """
    cache = open_cache(cache_dir)
    features = open_features(cache, run)
    jobs = plan(run, cache, run_dir, choose_device(device))
    answered = [result for job in jobs for result in _answer(job, features)]
    results = [result for result in answered if result.subset == "test"]
    table = predictions_table(run, cache, answered)
    summary = summarise(run, cache, results)
    if not is_writer():
        return summary
    write_whole(predictions, lambda place: pq.write_table(table, place, compression="zstd"))
    write_text(reports / "confusion.csv", confusion_csv(table))
    write_text(reports / "curves.csv", curves_csv(jobs))
    write_text(reports / "metrics.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return summary


def predictions_table(
    run: RunSettings, cache: TensorCache, results: Sequence[FoldResult]
) -> pa.Table:
    """One row per utterance tested or validated on, fold and seed, sorted so."""
    parts = [_fold_table(run, cache, result) for result in results]
    order = [(name, "ascending") for name in ("utt_id", "fold", "seed")]
    return pa.concat_tables(parts).sort_by(order).combine_chunks()


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
        "dimensions": _rated(run, cache, results) if run.training.regression else {},
    }
    plain: dict[str, Any] = _told(found)
    return plain


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


def normalisation_of(run: RunSettings) -> Statistics | None:
    """Whose statistics the spectrograms of a run are normalised by, if it hears any."""
    return run.training.normalisation if "audio" in run.modalities else None


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


def confusion_csv(table: pa.Table) -> str:
    """Label and answer of every test row: DVC's confusion template counts this form itself."""
    table = table.filter(pc.equal(table["subset"], "test"))
    table = table.filter(pc.is_valid(table["prediction"]))
    pairs = zip(table["label"].to_pylist(), table["prediction"].to_pylist(), strict=True)
    return _csv(["actual", "predicted"], pairs)


def curves_csv(jobs: Sequence[FoldJob]) -> str:
    """The learning curves of all folds and seeds, one under the other."""
    header: list[str] = []
    lines: list[list[str]] = []
    for job in jobs:
        with (job.folder / HISTORY).open(encoding="utf-8", newline="") as file:
            header, *epochs = csv.reader(file)
        lines += [[str(job.fold), str(job.seed), *epoch] for epoch in epochs]
    return _csv(["fold", "seed", *header], lines)


def _answer(job: FoldJob, features: Features) -> list[FoldResult]:
    """What the model of a fold answers to its test and its validation part."""
    device = torch.device(job.device)
    cache = features.cache
    results = []
    with own_chance(0), explain_memory(job.run.training.batch_size):
        trained = load_fold(job.folder, device)
        normalise = normalisation_on(trained, cache)
        if (vocabulary := vocabulary_of(trained.record)) is not None:
            features = features.knowing(vocabulary)
        for subset in get_args(Subset):
            rows = cache.rows(job.run.split, job.fold, subset)
            answers = predict(
                trained.model,
                features,
                rows,
                normalise,
                batch_size=job.run.training.batch_size,
                device=device,
                precision=job.run.training.precision,
            )
            results.append(fold_result(job, cache, subset, rows, answers))
    return results


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


def _csv(header: Sequence[str], rows: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()

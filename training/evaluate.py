"""Evaluation: the test part of every fold, its predictions and scores as files.

The answers to the validation part are kept beside those to the test part, under their own subset:
whoever calibrates probabilities needs them, and must not fit anything on the test part.
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.answers import Subset, predictions_table
from training.cache import open_cache
from training.data import open_features
from training.device import choose_device
from training.distributed import is_writer
from training.ensemble import answer
from training.files import write_text, write_whole
from training.history import HISTORY
from training.jobs import FoldJob, ensembles, plan
from training.settings import RunSettings
from training.summary import summarise


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
    answered = [r for each in ensembles(jobs) for r in answer(each, features, get_args(Subset))]
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


def confusion_csv(table: pa.Table) -> str:
    """Label and answer of every test row: DVC's confusion template counts this form itself."""
    table = table.filter(pc.equal(table["subset"], "test"))
    table = table.filter(pc.is_valid(table["prediction"]))
    pairs = zip(table["label"].to_pylist(), table["prediction"].to_pylist(), strict=True)
    return _csv(["actual", "predicted"], pairs)


def curves_csv(jobs: Sequence[FoldJob]) -> str:
    """The learning curves of all networks, one under the other."""
    header: list[str] = []
    lines: list[list[str]] = []
    for job in jobs:
        with (job.folder / HISTORY).open(encoding="utf-8", newline="") as file:
            header, *epochs = csv.reader(file)
        lines += [[str(job.fold), str(job.network), *epoch] for epoch in epochs]
    return _csv(["fold", "network", *header], lines)


def _csv(header: Sequence[str], rows: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()

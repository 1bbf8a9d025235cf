"""A project with a store, a split and two evaluated runs, for tests of the report."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.catalog import Catalog
from pipeline.listing import rejects
from pipeline.params import RunParams
from pipeline.query import PREDICTIONS
from pipeline.reporting.plots import plot_run
from tests.pipeline.small_store import Spec, build, simple_split

CLASSES = ("angry", "happy", "sad")
NOTE = "A <synthetic> corpus & untrained encoders."
RUN = RunParams(
    task="toy", split="speaker", source="reference", modalities=("audio", "bert"), size="tiny",
    preset="paper", seeds=(1, 2),
)  # fmt: skip
SETTINGS: dict[str, Any] = {
    "mel": {"n_mels": 80, "f_max_hz": None},
    "tasks": {"toy": {"classes": {name: (name,) for name in CLASSES}}, "unused": {"classes": {}}},
    "sizes": {"tiny": {"d": 32}, "enormous": {"d": 512}},
}


def leave_results(run: str, folds: int, seeds: tuple[int, ...]) -> None:
    """What an evaluation leaves behind, of made-up answers to ten utterances of each corpus."""
    draw = random.Random(run)
    rows = [
        prediction_row(draw, f"{corpus}/{i:02d}", i, i % folds, seed, run)
        for corpus in ("one", "two")
        for i in range(11)
        for seed in seeds
    ]
    rows += [
        row | {"subset": "val", "fold": (row["fold"] + 1) % folds} for row in rows if folds > 1
    ]
    path = layout.predictions(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, PREDICTIONS), path)
    folder = layout.run_report(run)
    folder.mkdir(parents=True)
    tested = [row for row in rows if row["subset"] == "test"]
    lines = "".join(f"{row['label']},{row['prediction']}\n" for row in tested)
    (folder / "confusion.csv").write_text(f"actual,predicted\n{lines}")
    epochs = [
        f"{f},{s},{e},{1 / e:.6f},{1.2 / e:.6f},{1 - 1 / e:.6f},{0.9 - 0.8 / e:.6f}"
        for f in range(folds)
        for s in seeds
        for e in range(1, 6 + f)
    ]
    head = "fold,network,epoch,train_loss,val_loss,val_wa,val_ua"
    (folder / "curves.csv").write_text("\n".join([head, *epochs]) + "\n")
    (folder / "metrics.json").write_text(json.dumps(metrics_of(tested, seeds)))
    plot_run(folder)


def leave_ratings(run: str, folds: int, seeds: tuple[int, ...]) -> None:
    """The same of a run that learned arousal and valence alone, of which some are not rated."""
    leave_results(run, folds, seeds)
    rows = pq.read_table(layout.predictions(run)).to_pylist()
    draw = random.Random(run)
    for row in rows:
        number = int(row["utt_id"][-2:])
        rated = {"arousal": 1 + number % 5, "valence": None if number == 3 else 5 - number % 3}
        row["ratings"] = list(rated.items())
        row["predicted_ratings"] = [(d, (r or 3) + draw.gauss(0, 1)) for d, r in rated.items()]
        row["prediction"] = row["probabilities"] = None
    pq.write_table(pa.Table.from_pylist(rows, PREDICTIONS), layout.predictions(run))
    folder = layout.run_report(run)
    (folder / "confusion.csv").write_text("actual,predicted\n")
    epochs = [
        f"{f},{s},{e},{1 / e:.6f},{1.2 / e:.6f},,,{0.8 - 1 / e:.6f}"
        for f in range(folds)
        for s in seeds
        for e in range(1, 7)
    ]
    head = "fold,network,epoch,train_loss,val_loss,val_wa,val_ua,val_ccc"
    (folder / "curves.csv").write_text("\n".join([head, *epochs]) + "\n")


def prediction_row(
    draw: random.Random, utt_id: str, number: int, fold: int, seed: int, run: str
) -> dict[str, Any]:
    label = CLASSES[number % 3]
    answer = label if draw.random() < 0.7 else draw.choice(CLASSES)
    sure = draw.uniform(0.4, 0.95)
    return {
        "run": run, "utt_id": utt_id, "corpus": utt_id[:3], "fold": fold, "seed": seed,
        "speaker": f"{utt_id[:3]}-s{number % 4}", "subset": "test", "label": label,
        "prediction": answer,
        "probabilities": [(c, sure if c == answer else (1 - sure) / 2) for c in CLASSES],
    }  # fmt: skip


def metrics_of(rows: list[dict[str, Any]], seeds: tuple[int, ...]) -> dict[str, Any]:
    recall = {
        c: float(np.mean([r["prediction"] == c for r in rows if r["label"] == c])) for c in CLASSES
    }
    scores = dict.fromkeys(("wa", "ua", "f1_weighted", "f1_macro"), sum(recall.values()) / 3)
    return {
        "pooled": scores,
        "recall": recall,
        "n": len(rows),
        "task": "toy",
        "split": "speaker",
        "protocol": "speaker",
        "normalisation": "train",
        "warnings": [],
        "source": "reference",
        "modalities": ["audio", "bert"],
        "seeds": list(seeds),
        "members": 3,
    }


def make_project() -> Catalog:
    catalog = build(Spec(Path("data"), corpora=("one", "two")))
    simple_split(layout.split("speaker"), ("one", "two"))
    told = {"corpus": "one", "detail": "found too little of it"}
    rejected = [
        told | {"utt_id": f"one/x{i}", "path": f"x{i}.wav", "reason": reason}
        for i, reason in enumerate(("silent", "silent", "empty"))
    ]
    pq.write_table(pa.Table.from_pylist(rejected, rejects.SCHEMA), layout.rejects("one"))
    leave_results("all", 2, (1, 2))
    leave_results("audio", 1, (1,))
    entry = replace(catalog["one"]["bert"], encoders={"en": {"name": "tiny", "revision": "abc"}})
    return {**catalog, "one": {**catalog["one"], "bert": entry}}

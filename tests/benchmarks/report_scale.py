"""The whole report for 100,000 predictions in 10 folds: time and memory.

    python tests/benchmarks/report_scale.py [--predictions 100000] [--dimensions] [--rival]

A project is made up in a temporary folder: utterances of 200 speakers in six classes, predicted by
one run, half as many validated on. With `--dimensions` it learned arousal, valence and dominance
besides. `--rival` times the pooled intervals drawn utterance by
utterance, as a loop over resamples with scikit-learn does it (20 resamples, scaled up).
"""

import argparse
import contextlib
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[2]))

from pipeline import layout
from pipeline.catalog import Catalog
from pipeline.params import ReportParams, RunParams
from pipeline.query import PREDICTIONS
from pipeline.report import write_report
from tests.pipeline.small_store import MANIFEST, SCHEMAS, Entry

CLASSES = ("angry", "fear", "happy", "neutral", "sad", "surprise")
SETTINGS = {"tasks": {"emotion6": {"classes": {name: [name] for name in CLASSES}}}}
DIMENSIONS = ("arousal", "valence", "dominance")
FOLDS, SPEAKERS, RESAMPLES = 10, 200, 1000
RUN = RunParams(
    task="emotion6", split="speaker", source="reference", modalities=("audio",), size="small",
    preset="tuned", seeds=(0,),
)  # fmt: skip


def make(count: int, *, dimensions: bool) -> Catalog:
    """The project; its catalog."""
    draw = np.random.default_rng(0)
    label = draw.choice(6, count, p=[0.1, 0.1, 0.2, 0.4, 0.15, 0.05])
    skill = draw.uniform(0.4, 0.9, SPEAKERS)
    speaker = np.arange(count) % SPEAKERS
    logits = draw.normal(0, 1, (count, 6))
    logits[np.arange(count), label] += 3 * skill[speaker]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = np.array(CLASSES, object)
    ids = [f"big/{i:07d}" for i in range(count)]
    base = {
        "run": ["big"] * count, "utt_id": ids, "corpus": ["big"] * count,
        "speaker": [f"s{s:03d}" for s in speaker], "fold": speaker % FOLDS, "seed": [0] * count,
        "subset": ["test"] * count, "label": names[label], "prediction": names[shares.argmax(1)],
        "probabilities": [list(zip(CLASSES, row, strict=True)) for row in shares.tolist()],
        "normalisation": ["train"] * count,
        **dict.fromkeys(("ratings", "predicted_ratings"), [None] * count),
    }  # fmt: skip
    if dimensions:
        ratings = draw.uniform(1, 5, (count, 3))
        answers = ratings + draw.normal(0, 1, (count, 3))
        for column, values in (("ratings", ratings), ("predicted_ratings", answers)):
            base[column] = [list(zip(DIMENSIONS, row, strict=True)) for row in values.tolist()]
    tested = pa.table(base, schema=PREDICTIONS)
    fold = pa.array((speaker + 1) % FOLDS, pa.int16())
    validated = tested.set_column(4, "fold", fold)
    validated = validated.set_column(6, "subset", pa.array(["val"] * count)).slice(0, count // 2)
    layout.PREDICTIONS.mkdir(parents=True)
    pq.write_table(pa.concat_tables([tested, validated]), layout.predictions("big"))
    return _store(ids, speaker, names[label], draw)


def _store(
    ids: list[str], speaker: np.ndarray, labels: np.ndarray, draw: np.random.Generator
) -> Catalog:
    n = len(ids)
    known = {
        "utt_id": ids, "corpus": ["big"] * n, "path": [f"{i}.wav" for i in range(n)],
        "duration_s": draw.gamma(3, 1, n), "sample_rate": [16000] * n, "channels": [1] * n,
        "audio_key": ids, "speaker": [f"s{s:03d}" for s in speaker],
        "gender": np.where(speaker % 2, "female", "male"), "age": 20 + speaker % 50,
        "language": np.where(speaker % 3, "zh", "en"), "label": labels,
        "transcript": [f"sentence {i % 5000}" for i in range(n)], "snr_db": draw.normal(20, 8, n),
    }  # fmt: skip
    columns = [
        pa.array(known[f.name], f.type) if f.name in known else pa.nulls(n, f.type)
        for f in MANIFEST
    ]
    path = layout.manifest("big")
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_arrays(columns, schema=MANIFEST), path)
    layout.SPLITS.mkdir(parents=True)
    fold = np.arange(FOLDS).repeat(n)
    test = np.tile(speaker, FOLDS) % FOLDS == fold
    split = {
        "utt_id": ids * FOLDS,
        "fold": pa.array(fold, pa.int16()),
        "subset": np.where(test, "test", "train"),
    }
    pq.write_table(pa.table(split), layout.split("speaker"))
    report = layout.run_report("big")
    report.mkdir(parents=True)
    told = {
        "warnings": [],
        "n": n,
        "task": "emotion6",
        "split": "speaker",
        "protocol": "speaker",
        "modalities": ["audio"],
        "normalisation": "train",
        "dimensions": {},
        "seeds": [0],
        "members": 1,
    }
    (report / "metrics.json").write_text(json.dumps(told))
    head = "fold,network,epoch,train_loss,val_loss,val_wa,val_ua\n"
    lines = [
        f"{f},0,{e},{1 / e},{1.1 / e},{1 - 1 / e},{1 - 1 / e}\n"
        for f in range(FOLDS)
        for e in range(1, 51)
    ]
    (report / "curves.csv").write_text(head + "".join(lines))
    entries = {feature: Entry(0, "0", (), {}, {}) for feature in SCHEMAS}
    return {"big": {"manifest": Entry(n, "0", (str(path),), {}, {}), **entries}}


def rival(count: int) -> float:
    """Seconds that 1,000 resamples of the four scores take with scikit-learn, one by one."""
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

    table = pq.read_table(layout.predictions("big")).slice(0, count)
    truth, answer = (np.array(table[k].to_pylist()) for k in ("label", "prediction"))
    draw, started = np.random.default_rng(0), time.perf_counter()
    for _ in range(20):
        rows = draw.integers(count, size=count)
        t, a = truth[rows], answer[rows]
        accuracy_score(t, a)
        balanced_accuracy_score(t, a)
        f1_score(t, a, average="weighted")
        f1_score(t, a, average="macro")
    return (time.perf_counter() - started) * RESAMPLES / 20


def ours() -> float:
    """Seconds that the same takes here, over speakers and utterances, from the table on disk."""
    from pipeline.evaluation.answers import read_answers
    from pipeline.evaluation.revisions import connect_tables
    from pipeline.evaluation.runscores import score_run

    answers = read_answers(
        connect_tables({"big": pq.read_table(layout.predictions("big"))}, []), "big"
    )
    started = time.perf_counter()
    score_run(answers)
    return time.perf_counter() - started


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--predictions", type=int, default=100_000)
    parser.add_argument("--dimensions", action="store_true")
    parser.add_argument("--rival", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        catalog = make(chosen.predictions, dimensions=chosen.dimensions)
        started, busy = time.perf_counter(), time.process_time()
        write_report(catalog, {"big": RUN}, ReportParams((), {}), SETTINGS)
        seconds, busy = time.perf_counter() - started, time.process_time() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = layout.REPORT.stat().st_size
        print(
            f"report of {chosen.predictions:,} predictions in {FOLDS} folds: "
            f"{seconds:.1f} s, {busy:.1f} s of CPU"
        )
        print(f"peak memory {peak / 2**20:.2f} GiB, page {size / 2**20:.1f} MiB")
        if chosen.rival:
            print(
                f"four scores, 1,000 resamples: {ours():.2f} s here, "
                f"{rival(chosen.predictions):.0f} s with scikit-learn"
            )


if __name__ == "__main__":
    main()

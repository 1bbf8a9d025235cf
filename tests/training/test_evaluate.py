import csv
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from pipeline import query
from training.answers import PREDICTIONS, fold_result, predictions_table
from training.cache import open_cache
from training.evaluate import evaluate_run
from training.jobs import ensembles, plan
from training.runs import train_run
from training.summary import warnings_about


@pytest.fixture(scope="module")
def run(run_settings):
    """Two seeds of a small run on BERT vectors."""
    optimiser = replace(run_settings.training.optimiser, lr=3e-3)
    training = replace(run_settings.training, epochs=4, optimiser=optimiser)
    return replace(run_settings, modalities=("bert",), seeds=(0, 1), training=training)


@pytest.fixture(scope="module")
def place(run, cache_dir, tmp_path_factory):
    """A trained and evaluated run."""
    place = tmp_path_factory.mktemp("evaluated")
    train_run(run, cache_dir, place / "folds", device="cpu")
    evaluate(run, cache_dir, place)
    return place


def evaluate(run, cache_dir, place, name="report"):
    predictions, reports = place / f"{name}.parquet", place / name
    folds = place / "folds"
    return evaluate_run(
        run, cache_dir, folds, predictions=predictions, reports=reports, device="cpu"
    )


def predictions(place):
    table = pq.read_table(place / "report.parquet")
    return table.filter(pc.equal(table["subset"], "test"))


def test_predictions_hold_every_test_and_validation_utterance_once_per_seed(place, cache_dir):
    table = pq.read_table(place / "report.parquet")
    assert table.schema.equals(PREDICTIONS) and PREDICTIONS.equals(query.PREDICTIONS)
    names = ("utt_id", "fold", "seed", "subset")
    keys = list(zip(*(table[name].to_pylist() for name in names), strict=True))
    assert keys == sorted(set(keys))
    cache = open_cache(cache_dir)
    expected = {
        (cache.utt_ids[row], fold, seed, subset)
        for fold in (0, 1)
        for seed in (0, 1)
        for subset in ("test", "val")
        for row in cache.rows("speaker", fold, subset)
    }
    assert set(keys) == expected


def test_probabilities_sum_to_one_and_their_largest_is_the_prediction(place):
    for row in pq.read_table(place / "report.parquet").to_pylist():
        shares = dict(row["probabilities"])
        assert list(shares) == ["angry", "happy", "neutral", "sad"]
        assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
        assert max(shares, key=shares.get) == row["prediction"]


def test_metrics_follow_from_the_predictions(place):
    scores = json.loads((place / "report" / "metrics.json").read_text())
    rows = predictions(place).to_pylist()

    def accuracy_by(column):
        groups = {}
        for row in rows:
            groups.setdefault(row[column], []).append(row["label"] == row["prediction"])
        return {key: np.mean(right) for key, right in sorted(groups.items())}

    by_fold, by_seed, recall = map(accuracy_by, ("fold", "seed", "label"))
    assert scores["pooled"]["wa"] == pytest.approx(accuracy_by("run")["all"])
    assert scores["pooled"]["ua"] == pytest.approx(np.mean(list(recall.values())))
    assert scores["mean"]["wa"] == pytest.approx(np.mean(list(by_fold.values())))
    assert scores["std"]["wa"] == pytest.approx(np.std(list(by_fold.values()), ddof=1))
    assert scores["seed_std"]["wa"] == pytest.approx(np.std(list(by_seed.values()), ddof=1))
    assert [s["wa"] for s in scores["fold"].values()] == pytest.approx(list(by_fold.values()))
    assert scores["recall"] == pytest.approx(recall)
    assert scores["n"] == 48
    described = {"task": "emotion4", "split": "speaker", "protocol": "speaker"}
    assert described.items() <= scores.items()
    assert scores["modalities"] == ["bert"]


def test_confusion_has_a_line_per_answer_and_curves_one_per_epoch(place):
    with (place / "report" / "confusion.csv").open() as file:
        pairs = [(r["actual"], r["predicted"]) for r in csv.DictReader(file)]
    table = predictions(place).to_pydict()
    assert pairs == list(zip(table["label"], table["prediction"], strict=True))
    with (place / "report" / "curves.csv").open() as file:
        curves = list(csv.DictReader(file))
    assert list(curves[0]) == [
        "fold", "network", "epoch", "train_loss", "val_loss", "val_wa", "val_ua",
    ]  # fmt: skip
    epochs = [(int(r["fold"]), int(r["network"]), int(r["epoch"])) for r in curves]
    assert epochs == [(f, s, e) for f in (0, 1) for s in (0, 1) for e in (1, 2, 3, 4)]


def test_evaluating_again_leaves_the_same_bytes(run, place, cache_dir):
    evaluate(run, cache_dir, place, "again")
    assert (place / "again.parquet").read_bytes() == (place / "report.parquet").read_bytes()
    for path in (place / "report").iterdir():
        assert (place / "again" / path.name).read_bytes() == path.read_bytes()


def test_a_run_that_was_not_trained_is_refused(run, place, cache_dir):
    with pytest.raises(ValueError, match="train the run first"):
        evaluate(replace(run, seeds=(5,)), cache_dir, place, "untrained")


def test_scores_are_plain_json_without_nan(place):
    text = (place / "report" / "metrics.json").read_text()
    assert "NaN" not in text
    assert all(np.isfinite(v) for v in json.loads(text)["pooled"].values())


def relabel(folder, change, rewrite_meta):
    """Give every row of a cache the label that `change` makes of it."""
    path = folder / "index.parquet"
    index = pq.read_table(path)
    labels = pa.array([change(row) for row in index.to_pylist()], pa.int16())
    pq.write_table(index.set_column(index.column_names.index("label"), "label", labels), path)
    rewrite_meta(folder)


def test_speakers_of_one_class_are_warned_of_where_they_are_normalised_by_themselves(
    run, make_cache, rewrite_meta
):
    folder = make_cache(folds=3)
    relabel(folder, lambda row: 2 if row["speaker"] == "s1" else row["label"], rewrite_meta)
    cache = open_cache(folder)
    own = replace(run.training, normalisation="speaker")
    heard = replace(run, modalities=("audio", "bert"), training=own)
    (warning,) = warnings_about(heard, cache)
    assert "1 of 3 speakers have recordings of one class alone (s1)" in warning
    assert warnings_about(replace(heard, training=run.training), cache) == []
    assert warnings_about(replace(run, training=own), cache) == []  # it hears nothing


def test_a_result_names_whose_statistics_normalised_it(run, place, cache_dir, tmp_path):
    own = replace(run.training, normalisation="speaker", epochs=1)
    heard = replace(run, modalities=("audio",), training=own)
    train_run(heard, cache_dir, tmp_path / "folds", device="cpu")
    summary = evaluate(heard, cache_dir, tmp_path)
    assert summary["normalisation"] == "speaker"
    named = pq.read_table(tmp_path / "report.parquet")["normalisation"].to_pylist()
    assert set(named) == {"speaker"}
    without_audio = pq.read_table(place / "report.parquet")["normalisation"].to_pylist()
    assert set(without_audio) == {None}


def test_of_equally_likely_classes_the_first_is_the_answer(run, cache_dir, tmp_path):
    cache = open_cache(cache_dir)
    fold = ensembles(plan(run, cache, tmp_path, torch.device("cpu")))[0]
    rows = cache.rows("speaker", 0, "test")[:3]
    ties = np.array([[0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 2, 2]], np.float32)
    result = fold_result(fold, cache, "test", rows, ties)
    assert result.counts.sum(axis=0).tolist() == [1, 1, 1, 0]
    answers = predictions_table(run, cache, [result])["prediction"].to_pylist()
    assert answers == ["angry", "happy", "neutral"]

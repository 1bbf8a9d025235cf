"""Runs that learn dimensions, beside classes or alone, from the cache to predictions."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from training.cache import open_cache
from training.checkpoint import load_fold
from training.data import open_features
from training.evaluate import evaluate_run
from training.fold import open_fold
from training.inference import Utterance, predict_utterances, rate_utterances
from training.jobs import fold_key, plan
from training.ratings import on_own_scale, unit_ratings
from training.runs import train_run
from training.train_settings import Regression


@pytest.fixture(scope="module")
def both(run_settings):
    """Classes and dimensions of BERT vectors."""
    optimiser = replace(run_settings.training.optimiser, lr=3e-3)
    training = replace(
        run_settings.training,
        epochs=6,
        optimiser=optimiser,
        regression=Regression(weight=1.0),
        best_by="ccc",
    )
    return replace(run_settings, modalities=("bert",), seeds=(0, 1), training=training)


@pytest.fixture(scope="module")
def alone(both):
    """Dimensions alone."""
    training = replace(both.training, regression=Regression(weight=None), contrast=None)
    return replace(both, seeds=(0,), training=training)


def trained(run, cache_dir, place):
    folders = train_run(run, cache_dir, place / "folds", device="cpu", workers=1)
    found = evaluate_run(
        run,
        cache_dir,
        place / "folds",
        predictions=place / "predictions.parquet",
        reports=place,
        device="cpu",
    )
    table = pq.read_table(place / "predictions.parquet")
    return folders, found, table.filter(pc.equal(table["subset"], "test"))


@pytest.fixture(scope="module")
def of_both(both, cache_dir, tmp_path_factory):
    return trained(both, cache_dir, tmp_path_factory.mktemp("both"))


@pytest.fixture(scope="module")
def of_alone(alone, cache_dir, tmp_path_factory):
    return trained(alone, cache_dir, tmp_path_factory.mktemp("alone"))


def sides(table, dimension):
    """Ratings and answers of the rows that are rated."""
    rated, answered = (
        np.array([dict(row)[dimension] for row in table[name].to_pylist()], float)
        for name in ("ratings", "predicted_ratings")
    )
    known = np.isfinite(rated)
    return rated[known], answered[known]


def ccc(actual, predicted):
    moments = actual.var() + predicted.var() + (actual.mean() - predicted.mean()) ** 2
    return 2 * ((actual - actual.mean()) * (predicted - predicted.mean())).mean() / moments


def test_classes_and_dimensions_are_learned_together(of_both, cache_dir):
    folders, found, table = of_both
    assert found["pooled"]["ua"] > 0.5
    for name in ("arousal", "valence"):
        actual, predicted = sides(table, name)
        told = found["dimensions"]["pooled"][name]
        assert told["ccc"] == pytest.approx(ccc(actual, predicted), abs=1e-5) and told["ccc"] > 0.4
        assert told["mae"] == pytest.approx(np.abs(actual - predicted).mean(), abs=1e-5)
        assert told["n"] == len(actual) / 2  # utterances, each answered with two seeds
    first = dict(table["ratings"][0].as_py())
    assert first["arousal"] is None and 1 <= first["valence"] <= 5  # the first has no arousal
    cache = open_cache(cache_dir)
    row = cache.utt_ids.index(table["utt_id"][1].as_py())
    assert dict(table["ratings"][1].as_py())["valence"] == pytest.approx(
        cache.index["valence"][row].as_py()
    )
    record = json.loads((folders[0] / "fold.json").read_text())
    assert (record["dimensions"], record["scales"]) == (["arousal", "valence"], {"demo": [1, 5]})
    head = (folders[0] / "history.csv").read_text().splitlines()[0]
    assert head == "epoch,train_loss,val_loss,val_wa,val_ua,val_ccc"


def test_metrics_tell_each_fold_and_seed(of_both):
    _, found, table = of_both
    parts = found["dimensions"]
    assert (list(parts["fold"]), list(parts["seed"])) == (["0", "1"], ["0", "1"])
    here = table.filter(pc.equal(table["fold"], 1))
    assert parts["fold"]["1"]["valence"]["ccc"] == pytest.approx(
        ccc(*sides(here, "valence")), abs=1e-5
    )


def test_dimensions_alone_answer_with_no_class(of_alone, alone, cache_dir):
    folders, found, table = of_alone
    assert set(found["pooled"].values()) == {None} == set(found["recall"].values())
    assert found["dimensions"]["pooled"]["arousal"]["ccc"] > 0.4
    assert table["prediction"].null_count == table["probabilities"].null_count == len(table)
    assert load_fold(folders[0]).model.predictor.out_features == 2
    lines = (folders[0] / "history.csv").read_text().splitlines()
    assert lines[1].split(",")[3:5] == ["", ""]


def test_a_trained_fold_rates_features_at_hand(of_both, of_alone, cache_dir):
    features = open_cache(cache_dir).tensors("bert-reference")["first"]
    for folders, _, table in (of_both, of_alone):
        fold = load_fold(folders[0])
        told = dict(table["predicted_ratings"][0].as_py())
        row = open_cache(cache_dir).utt_ids.index(table["utt_id"][0].as_py()) // 2
        assert table["fold"][0].as_py() == fold.record["fold"]
        rated = rate_utterances(fold, [Utterance(bert=features[row])], (1, 5), 8)
        assert rated[0] == pytest.approx(list(told.values()), abs=1e-4)
    with pytest.raises(ValueError, match="learned no classes, only arousal, valence"):
        predict_utterances(load_fold(of_alone[0][0]), [Utterance(bert=features[0])], 8)
    shares = predict_utterances(load_fold(of_both[0][0]), [Utterance(bert=features[0])], 8)
    assert shares.shape == (1, 4) and shares.sum() == pytest.approx(1)


def test_every_model_learns_dimensions_with_one_more_output_each(
    baseline_runs, run_settings, cache_dir, tmp_path
):
    for name, run in {**baseline_runs, "vcemo": run_settings}.items():
        training = replace(run.training, regression=Regression(weight=0.5), epochs=1)
        run = replace(run, training=replace(training, modality_dropout=0.2))
        cache = open_cache(cache_dir)
        job = plan(run, cache, tmp_path / name, torch.device("cpu"))[0]
        train_run(run, cache_dir, tmp_path / name, workers=1)
        assert load_fold(job.folder).model.predictor.out_features == 4 + 2


def test_a_scale_is_mapped_to_the_unit_and_back(cache_dir):
    cache = open_cache(cache_dir)
    unit = unit_ratings(cache)
    assert np.nanmin(unit) >= -1 and np.nanmax(unit) <= 1
    rows = np.arange(len(unit))
    assert on_own_scale(cache, rows, unit) == pytest.approx(cache.ratings, nan_ok=True, abs=1e-5)
    known = np.nanmax(cache.ratings)
    assert np.nanmax(unit) == pytest.approx((known - 3) / 2)


def test_mixed_utterances_are_rated_in_between_and_unknown_stays_unknown(both, cache_dir, tmp_path):
    from training.augment import augment_batch

    run = replace(both, training=replace(both.training, mixup=0.5))
    job = plan(run, open_cache(cache_dir), tmp_path, torch.device("cpu"))[0]
    data = open_fold(job)
    batch = data.features.collate(data.train_rows[:8], None)
    _, targets = augment_batch(batch, run.training, 4, np.random.default_rng(0))
    assert targets.shape == (8, 6)
    unknown = batch.ratings.isnan()
    assert unknown.any() and targets[:, 4:][unknown].isnan().all()
    assert (targets[:, 4:].nan_to_num(0).abs() <= 1).all()


def test_the_key_of_a_run_of_classes_alone_knows_no_ratings(both, cache_dir, make_cache):
    plain = replace(both, training=replace(both.training, regression=None, best_by="wa"))
    other = make_cache()
    path = other / "index.parquet"
    index = pq.read_table(path)
    at = index.column_names.index("valence")
    lower = pc.subtract(index["valence"], 0.01)
    pq.write_table(index.set_column(at, "valence", lower.cast(pa.float32())), path)
    here, there = open_cache(cache_dir), open_cache(other)
    assert fold_key(plain, here, 0, 0) == fold_key(plain, there, 0, 0)
    assert fold_key(both, here, 0, 0) != fold_key(both, there, 0, 0)
    assert open_features(here, plain).ratings is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dimensions": [], "scales": {}}, r"learns dimensions, and .* has none.*tasks.emotion4"),
        ({"dimensions": ["dominance"]}, r"lacks the columns \['dominance'\]"),
        ({"scales": {}}, "corpora without a scale"),
    ],
)
def test_a_cache_without_ratings_is_refused(
    both, make_cache, rewrite_meta, tmp_path, changes, told
):
    folder = make_cache()
    rewrite_meta(folder, **changes)
    with pytest.raises(ValueError, match=told):
        train_run(both, folder, tmp_path / "out", device="cpu", workers=1)


def test_a_part_with_ratings_that_do_not_vary_is_refused(both, make_cache, rewrite_meta, tmp_path):
    folder = make_cache()
    path = folder / "index.parquet"
    index = pq.read_table(path)
    flat = pa.array(np.full(len(index), 3.0, np.float32))
    at = index.column_names.index("valence")
    pq.write_table(index.set_column(at, "valence", flat), path)
    rewrite_meta(folder)
    told = r"fold 0 of split 'speaker'.*of the train part have valence, with 1 different values"
    with pytest.raises(ValueError, match=told):
        train_run(both, folder, tmp_path / "out", device="cpu", workers=1)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"regression": None}, "best_by is 'ccc', expected another, since regression is null"),
        ({"regression": Regression(weight=None)}, "training.contrast is .*no classes are learned"),
        (
            {"regression": Regression(weight=None), "contrast": None, "best_by": "ua"},
            "best_by is 'ua', expected ccc, loss or last",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(both, changes, told):
    with pytest.raises(ValueError, match=told):
        replace(both.training, **changes)
    with pytest.raises(ValueError, match=r"regression.weight is 0.0, expected above 0"):
        Regression(weight=0.0)

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from training.cache import open_cache
from training.checkpoint import FORMAT, load_fold
from training.data import open_features
from training.normalise import fit_normalisation
from training.predict import predict
from training.runs import train_run


@pytest.fixture(scope="module")
def run(run_settings):
    """So high a rate that later epochs are worse than the best one."""
    training = replace(
        run_settings.training, epochs=6, optimiser=replace(run_settings.training.optimiser, lr=0.1)
    )
    return replace(run_settings, modalities=("audio",), training=training)


@pytest.fixture(scope="module")
def trained(run, cache_dir, tmp_path_factory):
    return train_run(run, cache_dir, tmp_path_factory.mktemp("folds"), device="cpu", workers=1)


def test_a_loaded_fold_answers_as_at_its_best_epoch(run, cache_dir, trained):
    features = open_features(open_cache(cache_dir), run)
    worse = 0
    for number, folder in enumerate(trained):
        fold = load_fold(folder)
        rows = features.cache.rows("speaker", number, "val")
        device = torch.device("cpu")
        logits = predict(
            fold.model,
            features,
            rows,
            fold.normalise,
            batch_size=8,
            device=device,
            precision="auto",
        )
        labels = features.cache.label[rows]
        found = float(np.mean(logits.argmax(axis=1) == labels))
        loss = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)).item()
        assert found == fold.record["val_wa"]
        assert loss == pytest.approx(fold.record["val_loss"], abs=1e-5)
        with (folder / "history.csv").open() as file:
            epochs = list(csv.DictReader(file))
        best = max(epochs, key=lambda e: (float(e["val_wa"]), -float(e["val_loss"])))
        assert fold.record["best_epoch"] == int(best["epoch"])
        assert loss == pytest.approx(float(best["val_loss"]), abs=1e-5)
        worse += best is not epochs[-1]
    assert worse > 0  # else the weights of the last epoch would do as well


def test_the_record_says_what_the_fold_was_trained_from(cache_dir, trained):
    cache = open_cache(cache_dir)
    for number, folder in enumerate(trained):
        fold = load_fold(folder)
        expected = fit_normalisation(cache, cache.rows("speaker", number, "train"), "train")
        assert torch.equal(fold.normalise.mean, expected.mean)
        assert torch.equal(fold.normalise.std, expected.std)
        assert (fold.record["fold"], fold.record["network"]) == (number, 0)
        assert "seed" not in fold.record  # that of the run, which its members share
        assert fold.record["classes"] == cache.classes
        assert fold.record["features"] == cache.meta["features"]
        assert fold.record["precision"] == "float32"
        assert not fold.model.training


def test_a_folder_that_is_missing_or_damaged_is_refused_with_what_to_do(trained, tmp_path):
    with pytest.raises(ValueError, match="train the run first"):
        load_fold(tmp_path / "nowhere")
    folder = tmp_path / "fold"
    shutil.copytree(trained[0], folder)
    weights, record = folder / "model.safetensors", folder / "fold.json"
    weights.write_bytes(weights.read_bytes()[:-100])
    again = r"model\.safetensors cannot be read .*: remove its folder and train again"
    with pytest.raises(ValueError, match=again):
        load_fold(folder)
    weights.unlink()
    with pytest.raises(ValueError, match=again):
        load_fold(folder)
    shutil.copy(trained[0] / "model.safetensors", weights)
    other = json.loads(record.read_text())
    other["model"]["d"] = 64
    record.write_text(json.dumps(other))
    with pytest.raises(ValueError, match="cannot be read"):
        load_fold(folder)
    record.write_text("{")
    with pytest.raises(ValueError, match=r"fold\.json is not JSON"):
        load_fold(folder)
    record.write_text(json.dumps({"format": 9}))
    with pytest.raises(ValueError, match=f"has format 9, this version reads {FORMAT}"):
        load_fold(folder)

"""A fold's folder and features at hand give the answers that the cache gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.cache import open_cache
from training.checkpoint import (
    describe_fold,
    load_fold,
    normalisation_on,
    save_fold,
    untrained_model,
)
from training.fold import open_fold
from training.inference import Utterance, predict_utterances
from training.jobs import plan
from training.predict import predict
from training.recycled import Recycled

CPU = torch.device("cpu")


def save_untrained(run, cache_dir, folder):
    """Write the folder of fold 0 as training would, with new weights; the features it reads."""
    data = open_fold(plan(run, open_cache(cache_dir), folder, CPU)[0])
    record = describe_fold(run, data.features.cache, 0, 0)
    if data.vocabulary is not None:
        record["vocabulary"] = data.vocabulary.words
    folder.mkdir()
    save_fold(folder, untrained_model(record).state_dict(), data.normalise, record)
    return data.features


def utterance(features, row):
    """What the cache holds of a row, as plain tensors."""
    index = torch.tensor([row])
    place = torch.from_numpy(features.cache.utterance[[row]])
    speaker = features.cache.index["speaker"][row].as_py()
    mel = words = align = bert = forms = None
    if features.mel is not None:
        mel = features.mel.pad(index, torch.float32, Recycled()).clear()[0]
    if features.words is not None:
        ids = features.words.pad(place, torch.int64, Recycled()).clear()[0].tolist()
        words = features.table[ids]
        names = [("", ""), ("", ""), *features.names]
        forms = tuple(names[i] for i in ids) if features.names else None
    if features.align is not None:
        align = features.align.pad(place, torch.int64, Recycled()).clear()[0]
    if features.bert is not None:
        bert = features.bert[place][0]
    return Utterance(mel, words, bert, align, forms, speaker)


def agree(run, cache_dir, folder):
    features = save_untrained(run, cache_dir, folder)
    fold, cache = load_fold(folder), features.cache
    rows = np.flatnonzero(cache.view == "original")
    normalise = normalisation_on(fold, cache)
    expected = predict(
        fold.model, features, rows, normalise, batch_size=7, device=CPU, precision="auto"
    )
    found = predict_utterances(fold, [utterance(features, row) for row in rows], batch_size=5)
    shares = torch.from_numpy(expected).softmax(dim=1).numpy()
    assert np.abs(found - shares).max() < 1e-5
    assert np.ptp(found, axis=0).max() > 1e-3  # it does tell utterances apart


@pytest.mark.parametrize("normalisation", ["train", "speaker"])
def test_the_network_of_the_paper_answers_alike(run_settings, cache_dir, tmp_path, normalisation):
    training = replace(run_settings.training, normalisation=normalisation)
    agree(replace(run_settings, training=training), cache_dir, tmp_path / "fold")


@pytest.mark.parametrize("name", ["umons", "xu", "yoon_mdre", "cme"])
def test_baselines_answer_alike_by_vectors_numbers_and_times(
    baseline_runs, cache_dir, tmp_path, name
):
    agree(baseline_runs[name], cache_dir, tmp_path / "fold")


@pytest.fixture
def audio_fold(run_settings, cache_dir, tmp_path):
    """Loaded folds of audio alone, by normalisation."""

    def make(normalisation):
        training = replace(run_settings.training, normalisation=normalisation)
        run = replace(run_settings, modalities=("audio",), training=training)
        save_untrained(run, cache_dir, tmp_path / normalisation)
        return load_fold(tmp_path / normalisation)

    return make


def test_what_a_model_reads_must_be_there(audio_fold):
    heard = Utterance(mel=torch.zeros(9, 8))
    with pytest.raises(ValueError, match="utterance 1 of 2 has no 'mel', which the model reads"):
        predict_utterances(audio_fold("train"), [heard, Utterance()], batch_size=2)
    with pytest.raises(ValueError, match="utterance 0 of 1 has no 'speaker'"):
        predict_utterances(audio_fold("speaker"), [heard], batch_size=2)


def test_what_is_longer_than_the_longest_trained_on_is_cut(audio_fold):
    fold = audio_fold("train")
    long = torch.randn(1600, 8)
    assert fold.record["inputs"]["mel_max_frames"] == 1500
    whole, cut = (predict_utterances(fold, [Utterance(mel=m)], 1) for m in (long, long[:1500]))
    assert np.array_equal(whole, cut)

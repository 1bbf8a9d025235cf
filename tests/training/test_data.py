from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from training.cache import open_cache
from training.data import (
    Normalisation,
    epoch_rows,
    fit_normalisation,
    open_features,
    scoring_batches,
)

IDENTITY = Normalisation(torch.zeros(8), torch.ones(8))


@pytest.fixture
def features(cache_dir, run_settings):
    return open_features(open_cache(cache_dir), run_settings)


def test_a_batch_holds_exactly_the_rows_of_the_cache(features):
    rows = np.array([5, 0, 17])
    batch = features.collate(rows, IDENTITY)
    mel, words = features.cache.tensors("mel"), features.cache.tensors("words-reference")
    bert = features.cache.tensors("bert-reference")["first"]
    for i, row in enumerate(rows):
        start, stop = mel["offsets"][row : row + 2].tolist()
        assert torch.equal(batch.mel[i, : stop - start], mel["values"][start:stop].float())
        assert (batch.mel[i, stop - start :] == 0).all()
        assert batch.mel_len[i] == stop - start
        utterance = features.cache.utterance[row]
        start, stop = words["offsets"][utterance : utterance + 2].tolist()
        assert torch.equal(batch.word[i, : stop - start], words["table"][words["ids"][start:stop]])
        assert (batch.word[i, stop - start :] == 0).all()
        assert torch.equal(batch.bert[i], bert[utterance])
        assert batch.label[i] == utterance % 4
    assert batch.row.tolist() == rows.tolist()


def test_only_the_modalities_of_the_run_are_read(cache_dir, run_settings):
    run = replace(run_settings, modalities=("words",))
    batch = open_features(open_cache(cache_dir), run).collate(np.array([0, 1]), None)
    assert batch.word is not None
    assert batch.mel is None
    assert batch.bert is None


def test_normalised_training_frames_have_mean_zero_and_deviation_one(features):
    cache = features.cache
    rows = cache.rows("speaker", 0, "train")
    batch = features.collate(rows, fit_normalisation(cache, rows))
    frames = torch.cat([m[:n] for m, n in zip(batch.mel, batch.mel_len, strict=True)])
    assert torch.allclose(frames.mean(dim=0), torch.zeros(8), atol=1e-5)
    assert torch.allclose(frames.std(dim=0, correction=0), torch.ones(8), atol=1e-5)


def test_a_bin_that_never_varies_is_only_centred(make_cache):
    folder = make_cache()
    silent = -13.8125  # about the log of the mel floor, as float16 has it
    mel = load_file(folder / "mel.safetensors")
    frames = np.diff(mel["offsets"]).astype(np.float64)
    mel["sum"][:, 3], mel["sum_squares"][:, 3] = silent * frames, silent**2 * frames
    save_file(mel, folder / "mel.safetensors")
    normalise = fit_normalisation(open_cache(folder), np.array([0, 2, 4]))
    assert normalise.std[3] == 1.0
    assert normalise.mean[3] == silent


def test_training_draws_views_and_scoring_never_does(features, run_settings):
    cache = features.cache
    rows = cache.rows("speaker", 0, "train")
    shown = np.concatenate(epoch_rows(features, rows, run_settings, 0, 0, 1))
    assert set(cache.view[shown]) == {"noise", "original"}
    assert set(cache.utterance[shown]) <= set(cache.utterance[rows])
    test = cache.rows("speaker", 0, "test")
    scored = torch.cat([b.row for b in scoring_batches(features, test, 5, IDENTITY)])
    assert sorted(scored.tolist()) == test.tolist()
    assert (cache.view[scored.numpy()] == "original").all()


def test_epochs_differ_and_repeat(features, run_settings):
    rows = features.cache.rows("speaker", 0, "train")

    def epoch(number):
        batches = epoch_rows(features, rows, run_settings, 0, 0, number)
        return [batch.tolist() for batch in batches]

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


def test_the_bert_vector_read_is_the_one_of_the_settings(cache_dir, run_settings):
    cache = open_cache(cache_dir)
    stored = cache.tensors("bert-reference")
    for which in ("first", "mean"):
        model = replace(run_settings.model, bert=which)
        run = replace(run_settings, model=model, modalities=("bert",))
        batch = open_features(cache, run).collate(np.array([0, 4]), None)
        assert torch.equal(batch.bert, stored[which][[0, 2]])


def test_batches_are_sorted_by_what_the_run_reads(cache_dir, run_settings):
    cache = open_cache(cache_dir)
    rows = cache.rows("speaker", 0, "train")
    words = np.diff(cache.tensors("words-reference")["offsets"].numpy())[cache.utterance[rows]]
    expected = {
        ("audio", "words", "bert"): cache.frames[rows],
        ("words", "bert"): words,
        ("bert",): np.ones(len(rows)),
    }
    for modalities, lengths in expected.items():
        features = open_features(cache, replace(run_settings, modalities=modalities))
        assert np.array_equal(features.lengths(rows), lengths)

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load_file, save_file

from training.cache import open_cache
from training.data import epoch_rows, open_features, scoring_rows
from training.normalise import ONE_GROUP, Normalisation, fit_normalisation
from training.runs import train_run
from training.vocabulary import Vocabulary

IDENTITY = Normalisation(torch.zeros(1, 8), torch.ones(1, 8), ONE_GROUP)


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
    batch = features.collate(rows, fit_normalisation(cache, rows, "train"))
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
    normalise = fit_normalisation(open_cache(folder), np.array([0, 2, 4]), "train")
    assert normalise.std[0, 3] == 1.0
    assert normalise.mean[0, 3] == silent


def test_training_draws_views_and_scoring_never_does(features, run_settings):
    cache = features.cache
    rows = cache.rows("speaker", 0, "train")
    shown = np.concatenate(epoch_rows(features, rows, run_settings, 0, 0, 1))
    assert set(cache.view[shown]) == {"noise", "original"}
    assert set(cache.utterance[shown]) <= set(cache.utterance[rows])
    test = cache.rows("speaker", 0, "test")
    scored = np.concatenate(scoring_rows(features, test, 5))
    assert sorted(scored.tolist()) == test.tolist()
    assert (cache.view[scored] == "original").all()


def test_epochs_differ_and_repeat(features, run_settings):
    rows = features.cache.rows("speaker", 0, "train")

    def epoch(number):
        batches = epoch_rows(features, rows, run_settings, 0, 0, number)
        return [batch.tolist() for batch in batches]

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


@pytest.mark.parametrize("sampling", ["shuffle", "balanced"])
def test_in_view_pairs_each_utterance_is_beside_one_of_its_views(features, run_settings, sampling):
    training = replace(
        run_settings.training, view_pairs=True, view_probability=1.0, sampling=sampling
    )
    run = replace(run_settings, training=training)
    cache, rows = features.cache, features.cache.rows("speaker", 0, "train")

    def epoch(number):
        return epoch_rows(features, rows, run, 0, 0, number)

    batches = epoch(1)
    assert all(len(batch) <= training.batch_size for batch in batches)
    for batch in batches:
        pairs = batch.reshape(-1, 2)
        assert (cache.utterance[pairs[:, 0]] == cache.utterance[pairs[:, 1]]).all()
        assert (cache.view[pairs] == ["original", "noise"]).all()
    shown = np.concatenate(batches)[::2]
    counts = np.bincount(shown, minlength=len(cache.view))
    if sampling == "shuffle":
        assert (counts[rows] == 1).all()
    else:
        per_class = np.bincount(cache.label[shown], minlength=4)
        assert per_class.max() - per_class.min() <= 1
    assert counts.sum() == len(rows)
    assert all(np.array_equal(a, b) for a, b in zip(batches, epoch(1), strict=True))
    assert np.concatenate(epoch(2)).tolist() != np.concatenate(batches).tolist()


def test_without_a_view_an_utterance_is_its_own_pair_and_text_alone_has_none(
    features, cache_dir, run_settings
):
    training = replace(run_settings.training, view_pairs=True, view_probability=0.001)
    run = replace(run_settings, training=training)
    rows = features.cache.rows("speaker", 0, "train")
    pairs = np.concatenate(epoch_rows(features, rows, run, 0, 0, 1)).reshape(-1, 2)
    assert (pairs[:, 0] == pairs[:, 1]).any()
    text = replace(run, modalities=("words",))
    shown = epoch_rows(open_features(features.cache, text), rows, text, 0, 0, 1)
    assert sorted(np.concatenate(shown)) == rows.tolist()


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


def test_words_are_numbered_by_the_training_part_alone(cache_dir, baseline_runs):
    features = open_features(open_cache(cache_dir), baseline_runs["umons"])
    stored = features.cache.tensors("words-reference")
    rows = np.array([2, 8])  # utterances 1 and 4
    ids = [stored["ids"][stored["offsets"][u] : stored["offsets"][u + 1]].tolist() for u in (1, 4)]
    vocabulary = features.learn_words(rows)
    known = sorted({*ids[0], *ids[1]})
    assert vocabulary.words == tuple(("en", f"w{i}") for i in known)
    batch = features.knowing(vocabulary).collate(np.array([2, 4, 8]), IDENTITY)
    assert batch.word is None  # a trained embedding reads no vectors
    for row, utterance in enumerate((1, 2, 4)):
        start, stop = stored["offsets"][utterance : utterance + 2].tolist()
        here = stored["ids"][start:stop].tolist()
        expected = [2 + known.index(i) if i in known else 1 for i in here]
        assert batch.word_id[row, : len(here)].tolist() == expected
        assert (batch.word_id[row, len(here) :] == 0).all()
    start = features.vectors_of(vocabulary)
    assert torch.equal(start[2:], stored["table"][known])
    assert (start[:2] == 0).all()


def test_padding_unknown_and_the_first_word_have_a_row_each():
    """In UMONS's own code the first word shares its row with the unknown, and padding looks so."""
    vocabulary = Vocabulary((("en", "a"), ("en", "b")))
    packed = [("en", "b"), ("de", "a"), ("en", "a")]
    assert vocabulary.numbers(packed).tolist() == [0, 1, 3, 1, 2]
    assert len(vocabulary) == 4


def test_spans_of_words_follow_the_stretch_of_a_view(make_cache, baseline_runs):
    folder = make_cache()
    index = pq.read_table(folder / "index.parquet")
    durations = np.array(index["duration_s"].to_pylist())
    durations[1::2] = 2 * durations[::2]  # each view twice as long as its original
    at = index.column_names.index("duration_s")
    pq.write_table(
        index.set_column(at, "duration_s", pa.array(durations)), folder / "index.parquet"
    )
    features = open_features(open_cache(folder), baseline_runs["cme"])
    stored = features.cache.tensors("align-reference")["frames"]
    start, stop = features.cache.tensors("words-reference")["offsets"][3:5].tolist()
    batch = features.knowing(features.learn_words(np.array([6]))).collate(
        np.array([6, 7]), IDENTITY
    )
    assert batch.align[0].tolist() == stored[start:stop].tolist()
    assert batch.align[1].tolist() == (2 * stored[start:stop]).tolist()


def test_token_states_of_bert_come_with_their_lengths(cache_dir, run_settings):
    run = replace(run_settings, model=replace(run_settings.model, bert="tokens"))
    features = open_features(open_cache(cache_dir), run)
    stored = features.cache.tensors("bert_tokens-reference")
    batch = features.collate(np.array([0, 4]), IDENTITY)
    for i, utterance in enumerate((0, 2)):
        start, stop = stored["offsets"][utterance : utterance + 2].tolist()
        assert batch.bert_len[i] == stop - start
        assert torch.equal(batch.bert[i, : stop - start], stored["states"][start:stop].float())


def test_a_file_that_a_cache_may_lack_is_named_with_its_remedy(
    make_cache, rewrite_meta, run_settings, baseline_runs
):
    folder = make_cache()
    for name in ("align", "bert_tokens"):
        (folder / f"{name}-reference.safetensors").unlink()
    rewrite_meta(folder)
    run = replace(run_settings, model=replace(run_settings.model, bert="tokens"))
    with pytest.raises(ValueError, match=r"no bert_tokens-reference.*bert\.tokens: true"):
        open_features(open_cache(folder), run)
    with pytest.raises(ValueError, match=r"no align-reference.*'cme'.*times of words"):
        open_features(open_cache(folder), baseline_runs["cme"])
    with pytest.raises(ValueError, match="no align-reference"):  # before anything is planned
        train_run(baseline_runs["cme"], folder, folder.with_name("out"))

"""Statistics of the training part or of each speaker."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from training.cache import ORIGINAL, TensorCache, open_cache
from training.data import open_features
from training.normalise import fit_normalisation


def frames(features, rows, normalise):
    batch = features.collate(rows, normalise)
    return torch.cat([m[:n] for m, n in zip(batch.mel, batch.mel_len, strict=True)])


@pytest.fixture
def features(cache_dir, run_settings):
    return open_features(open_cache(cache_dir), run_settings)


def test_each_speakers_own_recordings_have_mean_zero_and_deviation_one(features):
    cache = features.cache
    normalise = fit_normalisation(cache, np.arange(0), "speaker")
    speaker = np.array(cache.index["speaker"].to_pylist())
    assert len(set(speaker)) == 2
    for name in set(speaker):
        rows = np.flatnonzero((speaker == name) & (cache.view == ORIGINAL))
        found = frames(features, rows, normalise)
        assert torch.allclose(found.mean(dim=0), torch.zeros(8), atol=1e-5)
        assert torch.allclose(found.std(dim=0, correction=0), torch.ones(8), atol=1e-5)


def test_a_speakers_statistics_are_those_of_their_rows_to_the_bit(features, monkeypatch):
    cache, opened = features.cache, []
    speaker = np.array(cache.index["speaker"].to_pylist())
    plain = TensorCache.tensors
    monkeypatch.setattr(
        TensorCache, "tensors", lambda c, name: opened.append(name) or plain(c, name)
    )
    found = fit_normalisation(cache, np.arange(0), "speaker")
    assert opened == ["mel"]  # once for all speakers
    for number, name in enumerate(sorted(set(speaker))):
        rows = np.flatnonzero((speaker == name) & (cache.view == ORIGINAL))
        alone = fit_normalisation(cache, rows, "train")
        assert torch.equal(found.mean[number], alone.mean[0])
        assert torch.equal(found.std[number], alone.std[0])


def test_a_view_is_scaled_as_its_speaker_is(features):
    cache = features.cache
    normalise = fit_normalisation(cache, np.arange(0), "speaker")
    view = np.flatnonzero(cache.view == "noise")[:1]
    original = np.flatnonzero((cache.view == ORIGINAL) & (cache.utterance == cache.utterance[view]))
    assert normalise.group[view] == normalise.group[original]


def test_speakers_of_the_same_name_in_two_corpora_are_two(make_cache, rewrite_meta):
    folder = make_cache()
    index = pq.read_table(folder / "index.parquet")
    corpus = ["demo" if u % 3 else "other" for u in index["utterance"].to_pylist()]
    place = index.column_names.index("corpus")
    pq.write_table(index.set_column(place, "corpus", pa.array(corpus)), folder / "index.parquet")
    rewrite_meta(folder, scales={"demo": [1, 5], "other": [1, 7]})
    assert len(fit_normalisation(open_cache(folder), np.arange(0), "speaker").mean) == 4


def test_a_recording_without_a_speaker_is_named(make_cache, rewrite_meta):
    folder = make_cache()
    index = pq.read_table(folder / "index.parquet")
    place = index.column_names.index("speaker")
    unknown = pa.array([None, *index["speaker"].to_pylist()[1:]], pa.string())
    pq.write_table(index.set_column(place, "speaker", unknown), folder / "index.parquet")
    rewrite_meta(folder)
    with pytest.raises(ValueError, match=r"demo/u0000 has no speaker.*use `train`"):
        fit_normalisation(open_cache(folder), np.arange(0), "speaker")

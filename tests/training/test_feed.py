import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from training.cache import open_cache
from training.data import open_features, scoring_rows
from training.feed import _ahead, feed, settle
from training.normalise import fit_normalisation

CPU = torch.device("cpu")


@pytest.fixture
def features(cache_dir, run_settings):
    return open_features(open_cache(cache_dir), run_settings)


@pytest.fixture
def shown(features):
    return scoring_rows(features, features.cache.rows("speaker", 0, "train"), 5)


def same(a, b):
    pairs = ((getattr(a, n), getattr(b, n)) for n in ("mel", "mel_len", "word", "bert", "row"))
    return all(torch.equal(x, y) for x, y in pairs)


def test_batches_gathered_ahead_are_those_gathered_at_once(features, shown, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)  # needs a GPU
    normalise = fit_normalisation(features.cache, np.concatenate(shown), "train")
    ahead = list(_ahead(features, shown, normalise))
    assert len(ahead) == len(shown)
    assert all(map(same, ahead, feed(features, shown, normalise, CPU)))


def test_an_error_of_the_thread_is_raised_where_the_batch_is_asked_for(features, shown):
    broken = replace(features, bert=torch.empty(0, 5))
    with pytest.raises(IndexError):
        list(_ahead(broken, shown, fit_normalisation(features.cache, shown[0], "train")))


def test_the_thread_ends_when_nobody_wants_more(features, shown, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    before = threading.active_count()
    batches = _ahead(features, shown * 9, fit_normalisation(features.cache, shown[0], "train"))
    next(batches)
    assert threading.active_count() == before + 1
    batches.close()
    assert threading.active_count() == before


def test_on_a_cpu_features_stay_in_the_file(features):
    assert settle(features, CPU) is features
    assert features.device == CPU
    assert features.to(CPU).nbytes == features.nbytes > 0


def test_features_on_the_gpu_are_gathered_there_by_whatever_number_it_goes():
    def collate(rows, normalise):
        return SimpleNamespace(to=lambda device: rows)  # cannot be pinned

    there = SimpleNamespace(device=torch.device("cuda", 0), collate=collate)
    assert list(feed(there, [1, 2], None, torch.device("cuda"))) == [1, 2]

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from training.cache import open_cache
from training.evaluate import evaluate_run
from training.ragged import Ragged
from training.robustness import Condition, answer_under
from training.runs import train_run


@pytest.fixture(scope="module")
def run(run_settings):
    training = replace(run_settings.training, epochs=1)
    return replace(run_settings, modalities=("audio", "bert"), seeds=(0,), training=training)


@pytest.fixture(scope="module")
def place(run, cache_dir, tmp_path_factory):
    place = tmp_path_factory.mktemp("robust")
    train_run(run, cache_dir, place / "folds", device="cpu", workers=1)
    evaluate_run(
        run,
        cache_dir,
        place / "folds",
        predictions=place / "p.parquet",
        reports=place,
        device="cpu",
    )
    return place


def under(run, cache_dir, place, *conditions):
    return answer_under(run, cache_dir, place / "folds", conditions, "cpu")


def probabilities(table, **where):
    for name, value in where.items():
        table = table.filter(pc.equal(table[name], value))
    rows = table.select(["utt_id", "fold", "probabilities"]).to_pylist()
    return {(r["utt_id"], r["fold"]): [p for _, p in r["probabilities"]] for r in rows}


def test_nothing_changed_answers_as_the_evaluation_does(run, cache_dir, place):
    found = probabilities(under(run, cache_dir, place, Condition("clean", "none")))
    told = probabilities(pq.read_table(place / "p.parquet"), subset="test")
    assert found.keys() == told.keys()
    assert np.allclose([found[k] for k in told], list(told.values()), atol=1e-6)


def test_the_caches_own_spectrograms_in_their_place_change_nothing(run, cache_dir, place):
    tensors = open_cache(cache_dir).tensors("mel")
    own = Ragged(tensors["values"], tensors["offsets"])
    other = Ragged(torch.zeros_like(tensors["values"]), tensors["offsets"])
    conditions = [Condition("x", "own", mel=own), Condition("x", "zero", mel=other)]
    table = under(run, cache_dir, place, Condition("clean", "none"), *conditions)
    clean, same, zero = (probabilities(table, level=level) for level in ("none", "own", "zero"))
    assert clean == same != zero


def test_whoever_loses_something_at_one_rate_loses_it_at_a_higher_one(run, cache_dir, place):
    lost = ("audio", "bert")
    conditions = [Condition("rate", str(s), lost=lost, share=s) for s in (0.3, 0.7, 1.0)]
    table = under(run, cache_dir, place, Condition("clean", "none"), *conditions)
    clean, *rates = (probabilities(table, level=level) for level in ("none", "0.3", "0.7", "1.0"))
    moved = [{k for k in clean if not np.allclose(found[k], clean[k])} for found in rates]
    assert moved[0] < moved[1] < moved[2] == clean.keys()
    assert all(np.allclose(rates[1][key], rates[2][key]) for key in moved[1])


def test_without_any_input_all_answers_of_a_fold_are_the_same(run_settings, cache_dir, tmp_path):
    alone = replace(run_settings, modalities=("bert",), seeds=(0,))
    alone = replace(alone, training=replace(alone.training, epochs=1))
    train_run(alone, cache_dir, tmp_path / "folds", device="cpu", workers=1)
    table = under(alone, cache_dir, tmp_path, Condition("missing", "bert", lost=("bert",)))
    for fold in (0, 1):
        answers = np.array(list(probabilities(table, fold=fold).values()))
        assert np.allclose(answers, answers[0], atol=1e-6)


def test_a_text_source_that_was_not_packed_is_told(run, cache_dir, place):
    with pytest.raises(ValueError, match="no text source 'whisper'"):
        under(run, cache_dir, place, Condition("text", "whisper", source="whisper"))

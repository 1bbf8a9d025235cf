from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from training.ensemble import together
from training.evaluate import evaluate_run
from training.robustness import Condition, answer_under
from training.runs import train_run


@pytest.fixture(scope="module")
def alone(run_settings):
    """Four networks of two folds, each by itself."""
    training = replace(run_settings.training, epochs=2)
    return replace(run_settings, modalities=("bert",), seeds=(0, 1, 2, 3), training=training)


@pytest.fixture(scope="module")
def pairs(alone):
    """The same networks, two of which answer together."""
    return replace(alone, seeds=(0, 1), training=replace(alone.training, members=2))


@pytest.fixture(scope="module")
def place(alone, cache_dir, tmp_path_factory):
    place = tmp_path_factory.mktemp("ensemble")
    train_run(alone, cache_dir, place / "folds", device="cpu", workers=1)
    return place


def evaluate(run, cache_dir, place):
    """The summary of a run, and its probabilities by seed: (seeds, folds * answers, classes)."""
    predictions = place / f"{run.training.members}.parquet"
    summary = evaluate_run(
        run, cache_dir, place / "folds", predictions=predictions, reports=place, device="cpu"
    )
    return summary, by_seed(pq.read_table(predictions))


def by_seed(table):
    seeds = sorted(set(table["seed"].to_pylist()))
    rows = (table.filter(pc.equal(table["seed"], s))["probabilities"].to_pylist() for s in seeds)
    return np.array([[[p for _, p in answer] for answer in of_seed] for of_seed in rows])


def test_logits_are_those_of_the_mean_of_probabilities_and_ratings_are_averaged():
    generator = torch.Generator().manual_seed(0)
    answers = [torch.randn(5, 6, generator=generator) * 10 for _ in range(3)]
    found = torch.from_numpy(together([a.numpy() for a in answers], classes=4))
    expected = sum(a[:, :4].softmax(dim=1) for a in answers) / 3
    torch.testing.assert_close(found[:, :4].softmax(dim=1), expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(found[:, 4:], sum(a[:, 4:] for a in answers) / 3)


def test_an_answer_of_no_doubt_stays_finite():
    sure = np.array([[1000.0, -1000.0]], np.float32)
    assert np.isfinite(together([sure, sure], classes=2)).all()


def test_one_network_answers_as_it_is():
    answer = np.array([[0.1, 0.7]], np.float32)
    assert together([answer], classes=2) is answer


def test_members_answer_by_the_mean_of_their_probabilities(alone, pairs, cache_dir, place):
    _, each = evaluate(alone, cache_dir, place)
    summary, joint = evaluate(pairs, cache_dir, place)
    assert np.abs(each[0] - each[1]).max() > 1e-3
    expected = np.stack([each[:2].mean(axis=0), each[2:].mean(axis=0)])
    assert np.allclose(joint, expected, atol=1e-6)
    assert (summary["seeds"], summary["members"]) == ([0, 1], 2)


def test_robustness_asks_the_same_networks_together(pairs, cache_dir, place):
    evaluate(pairs, cache_dir, place)
    unchanged = answer_under(pairs, cache_dir, place / "folds", [Condition("x", "none")], "cpu")
    tested = pq.read_table(place / "2.parquet")
    tested = tested.filter(pc.equal(tested["subset"], "test"))
    assert np.allclose(by_seed(unchanged), by_seed(tested), atol=1e-6)


def test_what_is_lost_is_lost_to_each_network(alone, pairs, cache_dir, place):
    half = Condition("x", "half", lost=("bert",), share=0.5)
    joint, each, whole = (
        by_seed(answer_under(run, cache_dir, place / "folds", [condition], "cpu"))
        for run, condition in ((pairs, half), (alone, half), (pairs, Condition("x", "none")))
    )
    assert np.allclose(joint, [each[:2].mean(axis=0), each[2:].mean(axis=0)], atol=1e-6)
    changed = np.abs(joint - whole).max(axis=2) > 1e-6
    assert 0 < changed.mean() < 1


def test_networks_that_are_there_are_not_trained_again(alone, pairs, cache_dir, place):
    before = sorted((p, p.stat().st_mtime_ns) for p in (place / "folds").rglob("*"))
    folders = train_run(pairs, cache_dir, place / "folds", device="cpu", workers=1)
    assert sorted((p, p.stat().st_mtime_ns) for p in (place / "folds").rglob("*")) == before
    assert len(folders) == 2 * 2 * 2


def test_the_first_member_of_seed_0_is_the_network_of_seed_0(alone, cache_dir, place, tmp_path):
    one = replace(alone, seeds=(0,))
    two = replace(one, training=replace(alone.training, members=2))
    first = train_run(one, cache_dir, tmp_path / "one", device="cpu", workers=1)
    both = train_run(two, cache_dir, tmp_path / "two", device="cpu", workers=1)
    assert [p.name for p in first] == [p.name for p in both if p.name.split("-")[1] == "0"]

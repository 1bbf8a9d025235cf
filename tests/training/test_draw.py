import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.draw import draw_balanced, draw_views, seed_of, shuffled_batches, sorted_batches

ROWS = np.arange(0, 4000, 2)
NOISE, PITCH = ROWS + 1, np.where(ROWS % 4 == 0, ROWS + 10_000, -1)
LENGTHS = st.lists(st.integers(1, 50), min_size=2, max_size=80).map(np.array)


def test_the_seed_of_a_name_is_the_same_on_every_machine():
    assert seed_of("views", 0, 1, 2) == 4785016727952905949
    assert seed_of("views", 0, 12) != seed_of("views", 0, 1, 2)


def test_views_are_drawn_as_often_as_asked_and_evenly_among_those_there():
    drawn = draw_views(ROWS, [NOISE, PITCH], 0.5, seed=1)
    both, one = ROWS % 4 == 0, ROWS % 4 == 2
    assert abs(np.mean(drawn != ROWS) - 0.5) < 0.05
    assert abs(np.mean(drawn[both] == PITCH[both]) - 0.25) < 0.05
    assert abs(np.mean(drawn[one] == NOISE[one]) - 0.5) < 0.05


def test_every_drawn_row_is_the_utterance_or_one_of_its_views():
    drawn = draw_views(ROWS, [NOISE, PITCH], 0.9, seed=2)
    assert ((drawn == ROWS) | (drawn == NOISE) | (drawn == PITCH)).all()


def test_without_views_or_chance_everything_stays_itself():
    nothing = np.full_like(ROWS, -1)
    assert np.array_equal(draw_views(ROWS, [], 0.9, seed=3), ROWS)
    assert np.array_equal(draw_views(ROWS, [nothing], 1.0, seed=3), ROWS)
    assert np.array_equal(draw_views(ROWS, [NOISE], 0.0, seed=3), ROWS)
    assert np.array_equal(draw_views(ROWS, [nothing, NOISE], 1.0, seed=3), NOISE)


def test_the_draw_is_a_function_of_the_seed():
    first = draw_views(ROWS, [NOISE], 0.5, seed=4)
    assert np.array_equal(first, draw_views(ROWS, [NOISE], 0.5, seed=4))
    assert not np.array_equal(first, draw_views(ROWS, [NOISE], 0.5, seed=5))


@given(LENGTHS, st.integers(2, 9), st.integers(0, 99))
def test_an_epoch_shows_all_but_a_lone_last_one_exactly_once(lengths, size, seed):
    batches = shuffled_batches(lengths, size, 2, seed)
    shown = np.concatenate(batches)
    lone = len(lengths) % size == 1
    assert len(set(shown)) == len(shown) == len(lengths) - lone
    assert all(2 <= len(batch) <= size for batch in batches)
    again = shuffled_batches(lengths, size, 2, seed)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


@given(LENGTHS, st.integers(1, 9))
def test_scoring_shows_everything_once_shortest_first(lengths, size):
    order = np.concatenate(sorted_batches(lengths, size))
    assert sorted(order) == list(range(len(lengths)))
    assert (np.diff(lengths[order]) >= 0).all()


def test_batches_hold_similar_lengths():
    lengths = np.random.default_rng(0).integers(100, 1000, 400)
    padded = sum(len(b) * lengths[b].max() for b in shuffled_batches(lengths, 20, 2, 0))
    assert padded < 1.25 * lengths.sum()  # in random order it is about 1.75


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80).map(np.array), st.integers(0, 99))
def test_balanced_sampling_shows_each_class_as_often_and_runs_through_it_evenly(labels, seed):
    drawn = draw_balanced(labels, seed)
    assert len(drawn) == len(labels)
    counts = np.bincount(labels[drawn], minlength=4)[np.unique(labels)]
    assert counts.max() - counts.min() <= 1
    for label in np.unique(labels):
        shown = np.bincount(drawn, minlength=len(labels))[labels == label]
        assert shown.max() - shown.min() <= 1  # no one again before all were shown
    assert np.array_equal(drawn, draw_balanced(labels, seed))


def test_balanced_sampling_leaves_out_others_of_a_frequent_class_in_another_epoch():
    labels = np.array([0] * 90 + [1] * 10)
    assert set(draw_balanced(labels, 1)) != set(draw_balanced(labels, 2))


def test_no_length_is_shown_earlier_than_another():
    lengths = np.arange(100)
    places = np.zeros(100)
    for seed in range(400):
        for place, batch in enumerate(shuffled_batches(lengths, 8, 2, seed)):
            places[batch] += place / 400
    assert np.abs(places - 6).max() < 0.8  # of 13 batches; by chance it is 0.19, times 4 at most
    assert abs(np.corrcoef(lengths, places)[0, 1]) < 0.3

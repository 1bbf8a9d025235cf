"""Laws of the augmented views: recipes come from names, views follow their recipes."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from features.audio import decode_flac, encode_flac
from features.augment import (
    LOUDEST,
    AugmentParams,
    NoiseParams,
    PitchParams,
    Recipe,
    StretchParams,
    apply_recipe,
    apply_recipes,
    draw_recipes,
)

RATE_HZ = 16000
PARAMS = AugmentParams(NoiseParams(30.0), PitchParams(2.0), StretchParams(0.9, 1.1))
SHORT = st.integers(1, 3000)


def noise_like(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def snr_db(x: np.ndarray, view: np.ndarray) -> float:
    noise = (view - x).astype(np.float64)
    return float(10 * np.log10(np.mean(x.astype(np.float64) ** 2) / np.mean(noise**2)))


@given(st.text(max_size=40))
def test_a_recipe_depends_on_the_id_alone_and_lies_in_range(utt_id: str):
    recipes = draw_recipes(utt_id, PARAMS)
    assert recipes == draw_recipes(utt_id, PARAMS)
    noise, pitch, stretch = recipes
    assert [r.view for r in recipes] == ["noise", "pitch", "stretch"]
    assert noise.snr_db == 30
    assert pitch.semitones is not None and -2 <= pitch.semitones <= 2
    assert stretch.rate is not None and 0.9 - 1e-7 <= stretch.rate <= 1.1 + 1e-7
    assert all(0 <= r.seed < 2**63 for r in recipes)


@given(st.text(max_size=40))
def test_a_recipe_survives_being_stored_as_float32(utt_id: str):
    for recipe in draw_recipes(utt_id, PARAMS):
        for number in (recipe.snr_db, recipe.semitones, recipe.rate):
            assert number is None or float(np.float32(number)) == number


def test_switching_a_view_off_leaves_the_others_as_they_are():
    assert draw_recipes("a", AugmentParams(None, None, None)) == []
    whole = {recipe.view: recipe for recipe in draw_recipes("a", PARAMS)}
    for name in whole:
        rest = draw_recipes("a", dataclasses.replace(PARAMS, **{name: None}))
        assert rest == [recipe for view, recipe in whole.items() if view != name]


def test_draws_spread_over_the_whole_range():
    drawn = [draw_recipes(f"corpus/{i}", PARAMS) for i in range(2000)]
    semitones = np.array([recipes[1].semitones for recipes in drawn])
    rates = np.array([recipes[2].rate for recipes in drawn])
    np.testing.assert_allclose(np.quantile(semitones, [0, 0.5, 1]), [-2, 0, 2], atol=0.15)
    np.testing.assert_allclose(np.quantile(rates, [0, 0.5, 1]), [0.9, 1, 1.1], atol=0.01)
    assert abs(np.corrcoef(semitones, rates)[0, 1]) < 0.1  # a view's draw says nothing of another's
    assert len({recipe.seed for recipes in drawn for recipe in recipes}) == 6000


@pytest.mark.parametrize("wanted_db", [-5.0, 10.0, 30.0])
@pytest.mark.parametrize("gain", [1e-4, 0.1])
@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**63 - 1))
def test_noise_lies_snr_db_below_the_signal(wanted_db: float, gain: float, seed: int):
    x = np.float32(gain) * np.sin(np.arange(RATE_HZ) / 5).astype(np.float32)
    view = apply_recipe(x, RATE_HZ, Recipe("noise", seed, wanted_db, None, None))
    assert snr_db(x, view) == pytest.approx(wanted_db, abs=0.3)


@pytest.mark.parametrize("gain", [1.0, 3.0])
def test_a_view_louder_than_full_scale_is_scaled_to_it_and_keeps_its_ratio_to_the_noise(
    gain: float,
):
    x = np.sin(np.arange(RATE_HZ) / 5).astype(np.float32)
    recipe = Recipe("noise", 1, 10.0, None, None)
    quiet, loud = (apply_recipe(np.float32(g) * x, RATE_HZ, recipe) for g in (0.1, gain))
    assert np.abs(loud).max() == pytest.approx(LOUDEST, rel=1e-6)
    np.testing.assert_allclose(loud, quiet * (LOUDEST / np.abs(quiet).max()), atol=1e-6)


def test_storing_a_loud_view_clips_nothing():
    x = 3 * noise_like(20000)
    recipes = draw_recipes("a", PARAMS)
    for view in apply_recipes(x, RATE_HZ, recipes):
        assert np.abs(decode_flac(encode_flac(view, RATE_HZ))[0] - view).max() <= 2**-16 + 1e-7
    assert np.abs(x).max() > 1


def test_a_view_within_full_scale_keeps_its_gain():
    x = (LOUDEST * np.sin(np.arange(RATE_HZ) / 5)).astype(np.float32)
    view = apply_recipe(x, RATE_HZ, Recipe("stretch", 1, None, None, 1.0))
    np.testing.assert_allclose(view, x, atol=2e-6)


def test_noise_is_gaussian_and_white():
    x = (0.1 * np.sin(np.arange(200_001) / 5)).astype(np.float32)
    noise = apply_recipe(x, RATE_HZ, Recipe("noise", 7, 0.0, None, None)).astype(float) - x
    noise /= noise.std()
    assert abs(noise.mean()) < 0.01
    assert abs(np.mean(noise**3)) < 0.03
    assert abs(np.mean(noise**4) - 3) < 0.05
    assert np.mean(np.abs(noise) < 1) == pytest.approx(0.6827, abs=0.004)
    assert np.mean(np.abs(noise) > 3) == pytest.approx(0.0027, abs=0.0005)
    for lag in (1, 2, 100_000, 100_001):  # the two halves come from one draw of radius and angle
        assert abs(np.mean(noise[lag:] * noise[:-lag])) < 0.015


def test_noise_is_a_fixed_function_of_its_seed():
    """Its first values, so that a change of NumPy or of our formula does not pass unnoticed."""
    x = np.full(4, 0.5, np.float32)
    view = apply_recipe(x, RATE_HZ, Recipe("noise", 12345, 0.0, None, None))
    np.testing.assert_allclose(2 * view, [1.372709, 0.707501, -0.504595, 1.655947], atol=2e-6)


@settings(deadline=None, max_examples=20)
@given(samples=SHORT, utt_id=st.text(max_size=5))
def test_any_signal_has_views_of_the_stated_lengths(samples: int, utt_id: str):
    recipes = draw_recipes(utt_id, PARAMS)
    noise, pitch, stretch = apply_recipes(noise_like(samples), RATE_HZ, recipes)
    assert noise.shape == pitch.shape == (samples,)
    assert stretch.shape == (round(samples / (recipes[2].rate or 0)),)
    assert all(v.dtype == np.float32 and np.isfinite(v).all() for v in (noise, pitch, stretch))


@settings(deadline=None, max_examples=10)
@given(samples=SHORT)
def test_a_silent_signal_comes_back_as_it_is(samples: int):
    silence = np.zeros(samples, np.float32)
    for view in apply_recipes(silence, RATE_HZ, draw_recipes("a", PARAMS)):
        np.testing.assert_array_equal(view, silence)


def test_views_made_together_equal_views_made_alone_to_the_last_bit():
    x, recipes = noise_like(20000), draw_recipes("a", PARAMS)
    together = apply_recipes(x, RATE_HZ, recipes)
    reverse = apply_recipes(x, RATE_HZ, recipes[::-1])[::-1]
    for a, b, recipe in zip(together, reverse, recipes, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, apply_recipe(x, RATE_HZ, recipe))


def test_views_do_not_depend_on_the_number_of_threads():
    x, recipes = noise_like(60000), draw_recipes("a", PARAMS)
    before = torch.get_num_threads()
    views = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        views.append(apply_recipes(x, RATE_HZ, recipes))
        assert torch.get_num_threads() == threads  # left as it was found
    torch.set_num_threads(before)
    for other in views[1:]:
        for a, b in zip(views[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_signal_itself_is_left_alone():
    x = noise_like(5000)
    kept = x.copy()
    for view in apply_recipes(x, RATE_HZ, draw_recipes("a", PARAMS)):
        view[:] = 0
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("x", [np.zeros(0, np.float32), np.zeros((100, 2), np.float32)])
def test_what_is_no_mono_signal_is_refused(x: np.ndarray):
    with pytest.raises(ValueError, match="expected a mono signal"):
        apply_recipes(x, RATE_HZ, draw_recipes("a", PARAMS))


@pytest.mark.parametrize(
    "recipe", [Recipe("echo", 1, 30.0, None, None), Recipe("pitch", 1, None, None, 1.1)]
)
def test_an_unknown_or_incomplete_recipe_is_refused(recipe: Recipe):
    with pytest.raises(ValueError, match="expected view noise with snr_db, pitch with"):
        apply_recipe(noise_like(100), RATE_HZ, recipe)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: NoiseParams(float("nan")),
        lambda: PitchParams(0.0),
        lambda: PitchParams(60.0),
        lambda: StretchParams(1.1, 0.9),
        lambda: StretchParams(0.0, 1.1),
        lambda: StretchParams(0.9, float("inf")),
    ],
)
def test_parameters_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        bad()

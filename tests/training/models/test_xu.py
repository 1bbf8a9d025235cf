import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.models.sequences import make_stream
from training.models.xu import AdditiveAlignment, Xu
from training.models.xu_delta import WordAttention, XuDelta


@pytest.fixture
def align():
    """u = v = 1, b = 0, over states of one number."""
    made = AdditiveAlignment(1)
    for part in (made.u.weight, made.v.weight):
        torch.nn.init.ones_(part)
    torch.nn.init.zeros_(made.v.bias)
    return made


def stream(*values):
    return make_stream(torch.tensor(values)[None, :, None], torch.tensor([len(values)]))


def test_a_word_and_two_frames_by_hand(align):
    weights = align.weights(stream(1.0), stream(0.0, 1.0))
    assert torch.allclose(weights, torch.tensor([[[0.449564, 0.550436]]]), atol=1e-6)
    assert align(stream(1.0), stream(0.0, 1.0)).item() == pytest.approx(0.550436, abs=1e-6)


@given(st.floats(-1e3, 1e3), st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=5))
def test_no_frame_weighs_more_than_e_squared_times_another(word, frames):
    align = AdditiveAlignment(1)
    torch.nn.init.ones_(align.u.weight)
    torch.nn.init.ones_(align.v.weight)
    weights = align.weights(stream(word), stream(*frames))
    assert (weights.max() / weights.min()).item() <= math.exp(2) + 1e-3


def test_weights_of_frames_sum_to_one_and_are_zero_in_the_padding(align):
    frames = make_stream(torch.randn(2, 5, 1), torch.tensor([5, 2]))
    words = make_stream(torch.randn(2, 3, 1), torch.tensor([3, 1]))
    weights = align.weights(words, frames)
    assert torch.allclose(weights.sum(dim=2), torch.ones(2, 3))
    assert (weights[1, :, 2:] == 0).all()


def test_attention_over_words_begins_as_their_mean():
    pool, x = WordAttention(4), make_stream(torch.randn(2, 3, 4), torch.tensor([3, 2]))
    torch.nn.init.zeros_(pool.context.weight)
    assert torch.allclose(pool(x)[1], x.values[1, :2].mean(dim=0), atol=1e-6)


def test_delta_attends_no_padding_of_the_audio(baselines, sizes, make_batch):
    """Its original attends padded frames, so that an answer depends on the batch's longest one."""
    model, seen = XuDelta(baselines["xu_delta"], sizes, 4).eval(), []
    model.attention.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    model(make_batch([20, 7], [3, 2]))
    assert seen[0].mask.sum(dim=1).tolist() == [20, 7]


def test_xu_in_plain_torch(baselines, sizes, make_batch, both_ways):
    torch.manual_seed(0)
    model, batch = Xu(baselines["xu"], sizes, 4).eval(), make_batch([23, 8], [3, 4])
    found = model(batch)
    for i, (frames, words) in enumerate([(23, 3), (8, 4)]):
        s = both_ways(model.audio, batch.mel[i, :frames])
        h = both_ways(model.text, batch.word[i, :words])
        e = torch.tanh(
            (s @ model.align.u.weight.T).T + h @ model.align.v.weight.T + model.align.v.bias
        )
        c = torch.cat([e.softmax(dim=1) @ s, h], dim=1)  # (words, 2 states)
        pooled = both_ways(model.mix, c).amax(dim=0)
        assert torch.allclose(found.pooled[i], pooled, atol=1e-6)
        assert torch.allclose(found.logits[i], model.predictor(pooled), atol=1e-6)


def test_delta_in_plain_torch(baselines, sizes, make_batch, both_ways):
    """Words are the queries, and of each input only the first steps are read."""
    torch.manual_seed(0)
    settings = replace(baselines["xu_delta"], words="frozen")  # 30 frames, 4 words
    model, batch = XuDelta(settings, sizes, 4).eval(), make_batch([41, 8], [6, 3])
    found = model(batch)
    for i, (frames, words) in enumerate([(30, 4), (8, 3)]):
        dense = torch.relu(model.dense(batch.mel[i, :frames]))
        s = both_ways(model.audio, dense)
        h = both_ways(model.text, batch.word[i, :words])
        q, k, v = model.attention.q(h), model.attention.k(s), model.attention.v(s)
        q, k, v = (x.unflatten(1, (settings.heads, -1)).transpose(0, 1) for x in (q, k, v))
        weights = (q @ k.transpose(1, 2) / math.sqrt(q.shape[2])).softmax(dim=2)
        attended = model.attention.out((weights @ v).transpose(0, 1).flatten(1))
        r = both_ways(model.mix, torch.cat([attended, h], dim=1))
        scores = model.pool.context(torch.tanh(model.pool.hidden(r)))
        pooled = (scores.softmax(dim=0) * r).sum(dim=0)
        assert torch.allclose(found.pooled[i], pooled, atol=1e-6)
        assert torch.allclose(found.logits[i], model.predictor(pooled), atol=1e-6)

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from training.models.attention import (
    AttentionPool,
    CoAttention,
    FeedForward,
    GuidedAttention,
    MultiHeadAttention,
    SelfAttention,
    StatisticsPool,
)
from training.models.sequences import make_stream


def identity_attention(d, heads=1):
    attention = MultiHeadAttention(d, heads, dropout=0.0)
    for linear in (attention.q, attention.k, attention.v, attention.out):
        nn.init.eye_(linear.weight)
        nn.init.zeros_(linear.bias)
    return attention


def keys(values, length=None):
    x = torch.tensor(values)[None]
    return make_stream(x, torch.tensor([length or x.shape[1]]))


def test_one_dimension_by_hand():
    out = identity_attention(1)(torch.tensor([[[1.0]]]), keys([[0.0], [1.0]]))
    assert out.item() == pytest.approx(0.731059, abs=1e-6)


def test_scores_are_divided_by_the_root_of_the_head_width():
    ones = [1.0] * 4
    out = identity_attention(4)(torch.tensor([[ones]]), keys([ones, [0.0] * 4]))
    assert out[0, 0].tolist() == pytest.approx([0.880797] * 4, abs=1e-6)


def test_a_masked_key_counts_for_nothing():
    ones = [1.0] * 4
    out = identity_attention(4)(torch.tensor([[ones]]), keys([ones, [9.0] * 4], length=1))
    assert out[0, 0].tolist() == ones


def test_a_single_key_gives_its_value_whatever_the_query():
    for query in (-3.0, 0.0, 50.0):
        out = identity_attention(2)(torch.full((1, 1, 2), query), keys([[4.0, 5.0]]))
        assert out[0, 0].tolist() == [4.0, 5.0]


def test_weights_sum_to_one_over_valid_keys_and_vanish_on_masked_ones():
    attention = identity_attention(4)
    nn.init.normal_(attention.q.weight)
    stream = make_stream(torch.eye(4)[None], torch.tensor([3]))  # values are unit vectors: out = w
    weights = attention(torch.randn(1, 7, 4), stream)[0]
    assert torch.allclose(weights.sum(dim=1), torch.ones(7))
    assert torch.equal(weights[:, 3], torch.zeros(7))


def test_it_equals_the_formula_spelled_out():
    torch.manual_seed(0)
    attention = MultiHeadAttention(8, 2, dropout=0.0)
    query = torch.randn(3, 5, 8)
    stream = make_stream(torch.randn(3, 6, 8), torch.tensor([6, 1, 4]))

    def heads(x):
        return x.view(3, -1, 2, 4).transpose(1, 2)

    q, k, v = attention.q(query), attention.k(stream.values), attention.v(stream.values)
    scores = heads(q) @ heads(k).transpose(2, 3) / math.sqrt(4)
    weights = scores.masked_fill(~stream.mask[:, None, None], -math.inf).softmax(dim=-1)
    expected = attention.out((weights @ heads(v)).transpose(1, 2).reshape(3, 5, 8))
    assert torch.allclose(attention(query, stream), expected, atol=1e-6)


def test_self_attention_is_post_norm():
    torch.manual_seed(0)
    block = SelfAttention(8, 2, 16, dropout=0.0)
    x = make_stream(torch.randn(2, 3, 8), torch.tensor([3, 2]))
    inner = F.layer_norm(x.values + block.attention(x.values, x), (8,))
    expected = F.layer_norm(inner + block.feed_forward(inner), (8,))
    assert torch.allclose(block(x).values, expected, atol=1e-6)


def test_guided_attention_attends_itself_then_the_guide_and_is_post_norm():
    torch.manual_seed(0)
    block = GuidedAttention(8, 2, 16, dropout=0.0)
    y = make_stream(torch.randn(2, 3, 8), torch.tensor([3, 2]))
    guide = make_stream(torch.randn(2, 5, 8), torch.tensor([5, 4]))
    for norm in (block.norm1, block.norm2, block.norm3):
        nn.init.normal_(norm.bias)  # tells the three apart
    inner = block.norm1(y.values + block.own(y.values, y))
    inner = block.norm2(inner + block.guided(inner, guide))
    expected = block.norm3(inner + block.feed_forward(inner))
    assert torch.allclose(block(y, guide).values, expected, atol=1e-6)


class Constant(nn.Module):
    """A layer that forgets its input."""

    def forward(self, x):
        return x._replace(values=torch.ones_like(x.values))


def test_the_final_guide_reaches_every_depth(tiny):
    torch.manual_seed(0)
    attention = CoAttention(replace(tiny, layers=2, dropout=0.0)).eval()
    guide = make_stream(torch.randn(2, 4, tiny.d), torch.tensor([4, 3]))
    guided = make_stream(torch.randn(2, 5, tiny.d), torch.tensor([5, 2]))
    seen = []
    for layer in attention.guided:
        layer.register_forward_hook(lambda _layer, _inputs, out: seen.append(out.values))
    attention(guide, guided)
    attention.guide[1] = Constant()
    attention(guide, guided)
    assert len(seen) == 4
    for before, after in zip(seen[:2], seen[2:], strict=True):
        assert not torch.allclose(before, after)


def test_attention_pool_of_equal_scores_is_the_mean():
    pool = AttentionPool(2, dropout=0.0)
    nn.init.zeros_(pool.score[3].weight)
    x = make_stream(torch.tensor([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]]), torch.tensor([2]))
    assert torch.allclose(pool(x), torch.tensor([[2.0, 3.0]]))


def test_statistics_pool_of_equal_scores_is_the_mean_and_the_deviation():
    pool = StatisticsPool(2, dropout=0.0)
    nn.init.zeros_(pool.score[3].weight)
    x = torch.tensor([[[1.0, 2.0], [3.0, 10.0], [99.0, 99.0]]])
    found = pool(make_stream(x, torch.tensor([2])))
    assert torch.allclose(found, torch.tensor([[2.0, 6.0, 1.0, 4.0]]), atol=1e-4)


def test_statistics_pool_has_a_gradient_where_nothing_varies():
    x = torch.ones(1, 3, 2, requires_grad=True)
    StatisticsPool(2, dropout=0.0)(make_stream(x, torch.tensor([3]))).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_attention_pool_scores_with_a_two_layer_network():
    torch.manual_seed(0)
    pool = AttentionPool(4, dropout=0.0)
    x = torch.randn(1, 3, 4)
    scores = pool.score[3](F.relu(pool.score[0](x)))
    expected = (scores.softmax(dim=1) * x).sum(dim=1)
    assert torch.allclose(pool(make_stream(x, torch.tensor([3]))), expected, atol=1e-6)


def test_the_feed_forward_block_in_plain_torch():
    block = FeedForward(4, 6, dropout=0.0)
    x = torch.randn(2, 3, 4)
    hidden = F.relu(F.linear(x, block[0].weight, block[0].bias))
    assert torch.allclose(block(x), F.linear(hidden, block[3].weight, block[3].bias), atol=1e-6)


def test_dropout_takes_weights_away_in_training_alone():
    attention = MultiHeadAttention(4, 1, dropout=0.5)
    attention.load_state_dict(identity_attention(4).state_dict())
    stream = make_stream(torch.eye(4)[None], torch.tensor([4]))  # values are unit vectors: out = w
    query = torch.zeros(1, 50, 4)  # all weights 1/4
    assert set(attention(query, stream).unique().tolist()) == {0.0, 0.5}
    assert set(attention.eval()(query, stream).unique().tolist()) == {0.25}

from dataclasses import replace

import pytest
import torch
from torch import nn

from training.models.sequences import make_stream
from training.models.umons import Block, Glimpse, SpreadNorm, Umons, average_groups


@pytest.fixture
def umons(baselines):
    return replace(baselines["umons"], dropout=0.0)


def whole(*shape):
    return make_stream(torch.randn(*shape), torch.full(shape[:1], shape[1]))


def test_the_norm_divides_by_the_unbiased_deviation():
    found = SpreadNorm(3)(torch.tensor([1.0, 2.0, 3.0]))
    assert torch.allclose(found, torch.tensor([-1.0, 0.0, 1.0]) / (1 + 1e-6), atol=1e-7)


def test_a_glimpse_that_has_learnt_nothing_is_the_mean_over_time(umons):
    glimpse, x = Glimpse(umons, 5), whole(2, 7, umons.d)
    for part in glimpse.score[3].parameters():
        torch.nn.init.zeros_(part)
    assert torch.allclose(glimpse(x), x.values.mean(dim=1)[:, None].expand(-1, 5, -1), atol=1e-6)
    short = make_stream(x.values, torch.tensor([7, 2]))
    assert torch.allclose(glimpse(short)[1, 0], x.values[1, :2].mean(dim=0), atol=1e-6)


def test_a_block_guides_by_the_input_of_its_own_depth(umons):
    """In VCEMO the final guide guides every layer; here the guide's own attention has no say."""
    block, x, y = Block(umons, glimpse=False), whole(2, 6, 32), whole(2, 6, 32)
    _, before = block(x, y)
    for part in block.own.parameters():
        torch.nn.init.zeros_(part)
    _, after = block(x, y)
    assert torch.equal(before.values, after.values)
    _, other = block(x._replace(values=x.values + 1.0), y)
    assert not torch.allclose(before.values, other.values)


def test_a_block_adds_what_it_attends_to_its_input(umons):
    block, x, y = Block(umons, glimpse=False), whole(2, 6, 32), whole(2, 6, 32)
    out_x, out_y = block(x, y)
    assert torch.equal(out_x.values, block.own(x).values + x.values)
    assert torch.equal(out_y.values, block.guided(y, x).values + y.values)


def test_padding_is_masked_in_the_first_block_alone(umons, sizes, make_batch):
    model, seen = Umons(umons, sizes, 4).eval(), []
    for block in model.blocks:
        block.register_forward_pre_hook(lambda _, streams: seen.append(streams))
    model(make_batch([9, 20], [2, 5]))
    (x, y), *later = seen
    assert x.lengths.tolist() == [2, 5]
    assert y.lengths.tolist() == [3, 5]  # groups of four frames
    assert all(stream.mask.all() for streams in later for stream in streams)


def test_frames_are_averaged_over_groups_and_the_valid_rest():
    x = make_stream(torch.arange(1.0, 8.0).view(1, 7, 1), torch.tensor([5]))
    found = average_groups(x, 2)
    assert found.lengths.tolist() == [3]
    assert found.values[0, :3, 0].tolist() == [1.5, 3.5, 5.0]


def test_only_the_first_steps_of_long_inputs_are_read(umons, sizes, make_batch):
    model, batch = Umons(replace(umons, words="frozen"), sizes, 4).eval(), make_batch([40], [9])
    before = model(batch).logits
    batch.mel[:, 24:] += 1.0  # six steps of four frames
    batch.word[:, 6:] += 1.0
    assert torch.equal(before, model(batch).logits)
    batch.mel[:, 23:] += 1.0
    assert not torch.equal(before, model(batch).logits)


def test_the_norm_computes_in_float32_whatever_it_is_given():
    x = torch.tensor([255.0, 256.0, 258.0]).bfloat16()
    torch.testing.assert_close(SpreadNorm(3)(x), SpreadNorm(3)(x.float()))


def glimpses(glimpse, x):
    """As the paper has them: each a softmax over time of one output of the MLP."""
    first, _, _, last = glimpse.score
    return last(torch.relu(first(x))).softmax(dim=1).transpose(1, 2) @ x


def test_umons_in_plain_torch(umons, sizes, make_batch):
    """Six words and six groups of four frames leave nothing to mask."""
    torch.manual_seed(0)
    model = Umons(replace(umons, words="frozen"), sizes, 4).eval()
    for norm in (m for m in model.modules() if isinstance(m, SpreadNorm)):
        nn.init.uniform_(norm.weight, 0.5, 2.0)
        nn.init.normal_(norm.bias)
    assert not any(isinstance(m, nn.LayerNorm) for m in model.modules())
    batch, lengths = make_batch([24, 24], [6, 6]), torch.tensor([6, 6])
    x = model.text(batch.word)[0]
    y = model.audio(batch.mel.unflatten(1, (6, 4)).mean(dim=2))
    for block in model.blocks:
        before, after = make_stream(x, lengths), make_stream(y, lengths)
        x, y = block.own(before).values + x, block.guided(after, before).values + y
        if block is not model.blocks[-1]:
            refresh_x, refresh_y = block.glimpse_x, block.glimpse_y
            x = refresh_x.norm(x + glimpses(refresh_x.glimpse, x))
            y = refresh_y.norm(y + glimpses(refresh_y.glimpse, y))
    flat = (
        part.linear(glimpses(part.glimpse, z)[:, 0])
        for part, z in ((model.flat_text, x), (model.flat_audio, y))
    )
    pooled = model.norm(sum(flat))
    found = model(batch)
    assert torch.allclose(found.pooled, pooled, atol=1e-5)
    assert torch.allclose(found.logits, model.predictor(pooled), atol=1e-5)

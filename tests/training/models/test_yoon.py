from dataclasses import replace

import pytest
import torch
from torch import nn

from training.models.recurrent import final_states
from training.models.sequences import make_stream
from training.models.yoon_mdre import YoonMdre, YoonMdrea
from training.models.yoon_mha import YoonMha, attend


def stream(*rows):
    return make_stream(torch.tensor(rows)[None], torch.tensor([len(rows)]))


def test_two_hops_by_hand():
    first = attend(torch.tensor([[1.0, 0.0]]), stream((1.0, 0.0), (0.0, 1.0)))
    assert torch.allclose(first, torch.tensor([[0.731059, 0.268941]]), atol=1e-6)
    second = attend(first, stream((0.0, 2.0), (1.0, 0.0)))
    assert torch.allclose(second, torch.tensor([[0.548144, 0.903711]]), atol=1e-5)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_the_last_two_findings_are_what_is_told_apart(baselines, sizes, make_batch, hops):
    model = YoonMha(replace(baselines["yoon_mha"], hops=hops), sizes, 4).eval()
    batch = make_batch([23, 8], [3, 1])
    streams = {}
    for name in ("audio", "text"):
        part = getattr(model, name)
        part.register_forward_hook(lambda _, __, out, name=name: streams.update({name: out}))
    found = model(batch).pooled
    q0 = final_states(streams["audio"])
    h1 = attend(q0, streams["text"])
    h2 = attend(h1, streams["audio"])
    h3 = attend(h2, streams["text"])
    expected = {1: [h1, q0], 2: [h1, h2], 3: [h2, h3]}[hops]
    assert torch.allclose(found, torch.cat(expected, dim=1), atol=1e-6)


def test_encoders_end_at_the_last_valid_step(baselines, sizes, make_batch):
    model = YoonMdre(baselines["yoon_mdre"], sizes, 4).eval()
    batch = make_batch([23, 8], [3, 1])
    states = nn.GRU.forward(model.encoders.audio, batch.mel[1:, :8])[0][:, -1]
    half = model.audio_half(states)
    assert torch.allclose(model(batch).pooled[1, : half.shape[1]], half[0], atol=1e-6)


def test_each_output_has_a_bias_of_its_own_and_grus_begin_orthogonal(baselines, sizes):
    """The original adds one number to all outputs of a layer."""
    model = YoonMdre(baselines["yoon_mdre"], sizes, 4)
    assert model.predictor.bias.shape == (4,)
    assert model.predictor.weight.abs().max() <= 0.25
    gate = model.encoders.audio.weight_hh_l0[:32]
    assert torch.allclose(gate @ gate.T, torch.eye(32), atol=1e-5)


def test_the_audio_asks_the_words(baselines, sizes, make_batch):
    model = YoonMdrea(baselines["yoon_mdrea"], sizes, 4).eval()
    batch = make_batch([23, 8], [3, 1])
    audio, text = model.encoders(batch)
    query = model.query(torch.stack([audio.values[0, 22], audio.values[1, 7]]))
    expected = torch.cat([attend(query, text), query], dim=1)
    assert torch.allclose(model(batch).pooled, expected, atol=1e-6)

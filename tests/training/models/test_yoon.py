from dataclasses import replace

import pytest
import torch

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


@pytest.mark.parametrize(("kind", "name"), [(YoonMdre, "yoon_mdre"), (YoonMdrea, "yoon_mdrea")])
def test_each_output_has_a_bias_of_its_own_and_weights_begin_as_in_the_original(
    baselines, sizes, kind, name
):
    """But for that bias: the original adds one number to all outputs of a layer."""
    torch.manual_seed(0)
    model = kind(baselines[name], sizes, 4)
    assert model.predictor.bias.shape == (4,)
    weights = model.predictor.weight.abs()  # uniform up to 0.25
    assert 0.23 < weights.max() <= 0.25
    assert weights.mean().item() == pytest.approx(0.125, rel=0.15)
    for gru in (model.encoders.audio, model.encoders.text):
        for gate in gru.weight_hh_l0.chunk(3):
            assert torch.allclose(gate @ gate.T, torch.eye(32), atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), [(YoonMdre, "yoon_mdre"), (YoonMdrea, "yoon_mdrea")])
def test_dual_encoders_in_plain_torch(baselines, sizes, make_batch, kind, name):
    """Of each input only the first steps are read."""
    torch.manual_seed(0)
    settings = replace(baselines[name], words="frozen")  # 30 frames, 4 words
    model, batch = kind(settings, sizes, 4).eval(), make_batch([41, 8], [6, 3])
    found = model(batch)
    for i, (frames, words) in enumerate([(30, 4), (8, 3)]):
        audio = model.encoders.audio(batch.mel[i, :frames])[0][-1]
        text = model.encoders.text(batch.word[i, :words])[0]
        if kind is YoonMdre:
            parts = [model.audio_half(audio), model.text_half(text[-1])]
        else:
            query = model.query(audio)
            parts = [(text @ query).softmax(dim=0) @ text, query]
        pooled = torch.cat(parts)
        assert torch.allclose(found.pooled[i], pooled, atol=1e-6)
        assert torch.allclose(found.logits[i], model.predictor(pooled), atol=1e-6)

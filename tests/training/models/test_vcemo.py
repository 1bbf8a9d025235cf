import math
from dataclasses import replace
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.benchmarks.plain_layers import written_out
from training.losses import joint_loss, supervised_contrastive
from training.models.attention import MultiHeadAttention
from training.models.encoders import AudioEncoder
from training.models.norm import MaskedBatchNorm
from training.models.vcemo import Vcemo

ALL = ("audio", "words", "bert")
COUNTS = {  # of the specification: classes 4 and 6
    ("audio",): (2_483_300, 2_483_814),
    ("words",): (1_657_988, 1_658_502),
    ("bert",): (1_086_340, 1_086_854),
    ("audio", "words"): (8_781_412, 8_781_926),
    ("audio", "bert"): (8_209_764, 8_210_278),
    ("words", "bert"): (7_384_452, 7_384_966),
    ALL: (14_507_876, 14_508_390),
}
NEEDS = {"audio": ("mel", "mel_len"), "words": ("word", "word_len"), "bert": ("bert",)}
READINGS = [
    {"align": "pool_audio_to_word"},
    {"align": "fixed60"},
    {"align": "fixed60", "word_conv": "time_mix"},
    {"concat": "feature"},
    {"pool": "attn"},
    {"pool": "attn_stats", "audio_lstm": "both", "frames_per_step": 3},
    {"fusion1_guide": "audio", "fusion2_guide": "bert"},
    {"audio_head": True, "pool": "attn_stats", "concat": "feature"},
]


def build(settings, sizes, modalities=ALL, n_classes=4, seed=0):
    torch.manual_seed(seed)
    return Vcemo(settings, sizes, modalities, n_classes)


def size_of(module):
    return sum(p.numel() for p in module.parameters())


@pytest.fixture
def batch(make_batch):
    return make_batch([23, 8, 30, 5], [3, 1, 4, 2])


@pytest.mark.parametrize("modalities", COUNTS)
def test_parameter_counts_are_those_of_the_specification(full, sizes, modalities):
    for n_classes, expected in zip((4, 6), COUNTS[modalities], strict=True):
        with torch.device("meta"):  # sizes without memory
            assert size_of(Vcemo(full, sizes, modalities, n_classes)) == expected


def test_parts_have_the_specified_sizes(full, sizes):
    with torch.device("meta"):
        model = Vcemo(full, sizes, ALL, 4)
    parts = [model.audio, model.words, model.bert, model.fusion1, model.fusion2, model.top.final]
    sizes_found = [size_of(part) for part in parts]
    assert sizes_found == [1_593_824, 768_512, 196_864, 5_529_600, 5_529_600, 789_760]
    assert [size_of(p) for p in (model.top.trunk, model.projector)] == [65_792, 32_896]


@pytest.mark.parametrize("modalities", COUNTS)
def test_absent_inputs_need_not_be_there_and_present_ones_must(tiny, sizes, batch, modalities):
    model = build(tiny, sizes, modalities).eval()
    unused = [name for m in ALL if m not in modalities for name in NEEDS[m]]
    lean = replace(batch, **dict.fromkeys(unused))
    assert torch.equal(model(lean).logits, model(batch).logits)
    for modality in modalities:
        with pytest.raises(ValueError, match=NEEDS[modality][0]):
            model(replace(batch, **dict.fromkeys(NEEDS[modality])))


@pytest.mark.parametrize("modalities", COUNTS)
def test_every_present_input_matters(tiny, sizes, batch, modalities):
    model = build(tiny, sizes, modalities).eval()
    before = model(batch).logits
    for modality in modalities:
        name = NEEDS[modality][0]
        after = model(replace(batch, **{name: getattr(batch, name) + 1.0})).logits
        assert not torch.allclose(before, after)


@pytest.mark.parametrize("reading", [{}, *READINGS])
@pytest.mark.parametrize("k", [1, 7, 29])
def test_padding_changes_nothing(tiny, sizes, batch, extend_padding, reading, k):
    model = build(replace(tiny, dropout=0.0, **reading), sizes)
    for mode in (True, False):  # masked batch norm makes it hold in training too
        model.train(mode)
        a, b = model(batch), model(extend_padding(batch, mel=k, word=k))
        assert torch.allclose(a.logits, b.logits, atol=1e-5)
        assert torch.allclose(a.z, b.z, atol=1e-5)


@pytest.mark.parametrize("modalities", COUNTS)
def test_a_sample_is_answered_the_same_alone_and_in_company(
    tiny, sizes, batch, take_samples, modalities
):
    model = build(tiny, sizes, modalities).eval()
    together = model(batch)
    for i in range(4):
        alone = model(take_samples(batch, [i]))
        assert torch.allclose(alone.logits[0], together.logits[i], atol=1e-5)
        assert torch.allclose(alone.z[0], together.z[i], atol=1e-5)


@pytest.mark.parametrize("reading", [{}, *READINGS])
def test_order_in_the_batch_does_not_matter(tiny, sizes, batch, take_samples, reading):
    model = build(replace(tiny, **reading), sizes).eval()
    order = [2, 0, 3, 1]
    shuffled = model(take_samples(batch, order)).logits
    assert torch.allclose(shuffled, model(batch).logits[order], atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 37])
def test_short_utterances_give_finite_answers(tiny, sizes, make_batch, frames):
    model = build(tiny, sizes)
    batch = make_batch([frames], [1])
    for mode in (True, False):
        out = model.train(mode)(batch)
        assert all(torch.isfinite(part).all() for part in (out.logits, out.pooled, out.z))
    steps = AudioEncoder(tiny, sizes.n_mels)(batch.mel, batch.mel_len)
    expected = math.ceil(math.ceil(frames / 2) / 2)
    assert steps.values.shape[1] == expected == steps.lengths.item()


@pytest.mark.parametrize(
    ("modalities", "reading", "dead"),
    [
        (ALL, {}, 28),
        (ALL, {"fusion2_guide": "bert"}, 37),
        (ALL, {"pool": "attn"}, 29),
        (ALL, {"pool": "attn_stats", "audio_lstm": "both"}, 29),
        (("audio", "words"), {}, 10),
        (("audio", "bert"), {}, 19),
        (("words", "bert"), {}, 19),
        (("audio",), {}, 1),
        (("words",), {}, 1),
        (("bert",), {}, 4),
    ],
)
def test_only_the_parameters_that_cannot_matter_get_no_gradient(
    full, sizes, make_batch, modalities, reading, dead
):
    """Key biases and the last one of a pool shift all scores alike; a lone key gives no choice."""
    small = replace(full, d=16, ff=24, conv_channels=(3, 4), dropout=0.0, **reading)
    model = build(small, sizes, modalities).double()
    batch = make_batch([23, 14, 30, 9, 21, 17], [3, 2, 4, 2, 5, 3])
    wide = [None if x is None else x.double() for x in (batch.mel, batch.word, batch.bert)]
    out = model(replace(batch, mel=wide[0], word=wide[1], bert=wide[2]))
    (F.cross_entropy(out.logits, batch.label) + out.z.pow(3).sum()).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    still = [name for name, g in gradients.items() if g is None or g.abs().max() <= 1e-12]
    assert len(still) == dead, still
    ends = (".k.bias", ".k.weight", ".q.bias", ".q.weight", "attention_pool.score.3.bias")
    assert all(name.endswith(ends) for name in still)


def test_without_contrast_the_projector_learns_nothing(tiny, sizes, batch):
    model = build(tiny, sizes)
    out = model(batch)
    F.cross_entropy(out.logits, batch.label).backward()
    assert model.projector.weight.grad is None
    assert model.predictor.weight.grad is not None


def test_contrastive_features_have_unit_length(tiny, sizes, batch):
    model = build(tiny, sizes)
    assert torch.allclose(model(batch).z.norm(dim=1), torch.ones(4), atol=1e-6)
    for part in (model.projector.weight, model.projector.bias):
        torch.nn.init.zeros_(part)
    assert torch.equal(model(batch).z, torch.zeros(4, tiny.projection))


@pytest.mark.parametrize("n_classes", [4, 6])
def test_an_untrained_model_knows_nothing(tiny, sizes, make_batch, n_classes):
    batch = make_batch([20] * 32, [3] * 32)
    label = torch.arange(32) % n_classes
    loss = F.cross_entropy(build(tiny, sizes, n_classes=n_classes)(batch).logits, label)
    assert abs(loss.item() - math.log(n_classes)) < 0.3


def test_a_tiny_model_can_learn_sixteen_samples_by_heart(tiny, sizes, make_batch):
    batch = make_batch([20 + i % 5 for i in range(16)], [2 + i % 3 for i in range(16)])
    model = build(replace(tiny, dropout=0.0), sizes)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _step in range(300):
        loss = F.cross_entropy(model(batch).logits, batch.label)
        if loss.item() < 0.05:
            break
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.05
    assert (model(batch).logits.argmax(dim=1) == batch.label).all()


def test_the_same_seed_gives_the_same_losses(tiny, sizes, batch):
    def losses():
        model = build(tiny, sizes, seed=3)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(3):
            loss = F.cross_entropy(model(batch).logits, batch.label)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield loss.item()

    assert list(losses()) == list(losses())


def test_bfloat16_autocast_is_finite_and_answers_in_float32(tiny, sizes, batch):
    model = build(tiny, sizes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(batch)
        apart = supervised_contrastive(out.z, batch.label, 1.0)
        loss = joint_loss(F.cross_entropy(out.logits, batch.label), apart, 0.1)
    loss.backward()
    assert out.logits.dtype == out.z.dtype == torch.float32
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.isfinite(g).all() for g in [loss, *gradients])


def test_every_combination_of_readings_runs(tiny, sizes, batch):
    small = replace(tiny, d=8, ff=8, heads=2, conv_channels=(2, 2), bert="mean")
    choices = {
        "fusion1_guide": ("word", "audio"),
        "fusion2_guide": ("sequence", "bert"),
        "align": ("resample_word_to_audio", "pool_audio_to_word", "fixed60"),
        "concat": ("time", "feature"),
        "pool": ("mean", "attn", "attn_stats"),
        "audio_lstm": ("forward", "both"),
    }
    for values in product(*choices.values()):
        reading = dict(zip(choices, values, strict=True))
        out = build(replace(small, **reading), sizes)(batch)
        assert out.logits.shape == (4, 4)
        twice = [reading["concat"] == "feature", reading["pool"] == "attn_stats"]
        assert out.pooled.shape == (4, 8 * 2 ** sum(twice))


def test_token_states_of_bert_need_their_lengths(tiny, sizes, batch):
    tokens = torch.randn(4, 5, sizes.bert_dim)
    with pytest.raises(ValueError, match="bert_len"):
        build(tiny, sizes)(replace(batch, bert=tokens))


def test_a_length_of_zero_is_refused(batch):
    with pytest.raises(ValueError, match=r"word_len must lie in 1\.\.4, found 0\.\.4"):
        replace(batch, word_len=torch.tensor([3, 0, 4, 2]))
    with pytest.raises(ValueError, match="mel_len"):
        replace(batch, mel_len=torch.tensor([23, 8, 31, 5]))


def test_every_dropout_of_the_specification_is_there_and_used(tiny, sizes, batch):
    model = build(tiny, sizes)
    block = ["drop", "feed_forward.2"]
    guide, guided = [*block, "attention"], [*block, "own", "guided"]
    expected = {"audio.drop", "words.drop", "bert.drop", "top.trunk.2"}
    expected |= {f"top.final.{name}" for name in guide}
    for fusion in ("fusion1", "fusion2"):
        expected |= {f"{fusion}.attention.guide.0.{name}" for name in guide}
        expected |= {f"{fusion}.attention.guided.0.{name}" for name in guided}
    kinds = {nn.Dropout: "p", MultiHeadAttention: "dropout"}
    places = {n: (m, kinds[type(m)]) for n, m in model.named_modules() if type(m) in kinds}
    assert set(places) == expected
    assert {getattr(*place) for place in places.values()} == {tiny.dropout}
    for module, field in places.values():
        setattr(module, field, 0.0)
    assert torch.equal(model(batch).z, model(batch).z)
    for name, (module, field) in places.items():
        setattr(module, field, 0.5)
        assert not torch.equal(model(batch).z, model(batch).z), name
        setattr(module, field, 0.0)


def test_the_fused_part_adds_to_what_the_audio_head_says_of_the_audio_alone(tiny, sizes, batch):
    model = build(replace(tiny, audio_head=True), sizes).eval()
    out = model(batch)
    fused = build(tiny, sizes, seed=1).eval()
    fused.load_state_dict(model.state_dict(), strict=False)
    assert torch.allclose(out.logits, fused(batch).logits + out.audio_logits, atol=1e-6)
    other = model(replace(batch, word=batch.word + 1.0, bert=batch.bert - 1.0))
    assert torch.equal(out.audio_logits, other.audio_logits)
    assert not torch.allclose(out.logits, other.logits)


def test_of_a_network_with_an_audio_head_the_audio_part_learns_from_its_head_alone(
    tiny, sizes, batch
):
    model = build(replace(tiny, audio_head=True), sizes)
    out = model(batch)
    (out.logits.square().sum() + out.z.sum()).backward(retain_graph=True)
    moved = {name for name, p in model.named_parameters() if p.grad is not None}
    rest = {name for name, _ in model.named_parameters()} - moved
    assert {name.partition(".")[0] for name in rest} == {"audio", "audio_head"}
    assert not any(name.startswith("audio") for name in moved)
    model.zero_grad()
    out.audio_logits.square().sum().backward()
    assert {name for name, p in model.named_parameters() if p.grad is not None} == rest


def test_the_audio_head_says_what_a_network_of_audio_alone_would(tiny, sizes, batch):
    model = build(replace(tiny, audio_head=True), sizes).eval()
    alone = build(tiny, sizes, ("audio",), seed=1).eval()
    alone.audio.load_state_dict(model.audio.state_dict())
    alone.top.load_state_dict(model.audio_head.top.state_dict())
    alone.predictor.load_state_dict(model.audio_head.predictor.state_dict())
    assert torch.allclose(model(batch).audio_logits, alone(batch).logits, atol=1e-6)


@pytest.mark.parametrize("modalities", COUNTS)
def test_only_audio_beside_something_gets_a_second_head(tiny, sizes, batch, modalities):
    out = build(replace(tiny, audio_head=True), sizes, modalities)(batch)
    assert (out.audio_logits is not None) == ("audio" in modalities and len(modalities) > 1)
    assert len(out.judged) == (1 if out.audio_logits is None else 2)


def test_the_heads_stand_on_a_trunk_of_linear_and_relu(tiny, sizes, batch):
    model = build(tiny, sizes).eval()
    out = model(batch)
    trunk = F.relu(F.linear(out.pooled, model.top.trunk[0].weight, model.top.trunk[0].bias))
    assert torch.allclose(out.logits, model.predictor(trunk), atol=1e-6)
    assert torch.allclose(out.z, F.normalize(model.projector(trunk)), atol=1e-6)


def test_nothing_but_the_final_block_stands_between_the_second_fusion_and_the_mean(
    tiny, sizes, batch
):
    model, seen = build(tiny, sizes).eval(), {}
    for name in ("fusion1", "fusion2", "top.final"):
        part = model.get_submodule(name)
        part.register_forward_hook(
            lambda _, given, out, name=name: seen.update({name: (given[0], out)})
        )
    pooled = model(batch).pooled
    assert torch.equal(seen["fusion2"][0].values, seen["fusion1"][1].values)
    assert torch.equal(seen["top.final"][0].values, seen["fusion2"][1].values)
    last = seen["top.final"][1]
    means = [x[valid].mean(dim=0) for x, valid in zip(last.values, last.mask, strict=True)]
    assert torch.allclose(pooled, torch.stack(means), atol=1e-6)


@pytest.mark.parametrize(
    "reading", [{}, {"concat": "feature"}, {"fusion2_guide": "bert"}, {"pool": "attn"}]
)
@pytest.mark.parametrize("k", [1, 7, 29])
def test_padding_of_token_states_changes_nothing(tiny, sizes, batch, reading, k):
    model = build(replace(tiny, dropout=0.0, **reading), sizes)
    tokens, lengths = torch.randn(4, 5, sizes.bert_dim), torch.tensor([5, 1, 3, 2])
    longer = torch.cat([tokens, 50 * torch.randn(4, k, sizes.bert_dim)], dim=1)
    longer[1, 1:5] = 1e3
    for mode in (True, False):
        model.train(mode)
        a, b = (model(replace(batch, bert=x, bert_len=lengths)) for x in (tokens, longer))
        assert torch.allclose(a.logits, b.logits, atol=1e-5)
        assert torch.allclose(a.z, b.z, atol=1e-5)


def learn(model, batch):
    """What the model answers in training, and the gradient of each parameter."""
    model.zero_grad()
    out = model.train()(batch)
    apart = supervised_contrastive(out.z, batch.label, 1.0)
    loss = sum(F.cross_entropy(answer, batch.label) for answer in out.judged)
    joint_loss(loss, apart, 0.1).backward()
    return out, {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("reading", [{}, *READINGS])
def test_fast_layers_answer_and_learn_as_layers_written_out(
    tiny, sizes, batch, extend_padding, reading
):
    """A straightforward implementation, which normalises and attends whole padded tensors."""
    model = build(replace(tiny, dropout=0.0, **reading), sizes)
    ours, slopes = learn(model, batch)
    with written_out(MultiHeadAttention, MaskedBatchNorm):
        theirs, plain = learn(model, extend_padding(batch, mel=29, word=7))
    for a, b in ((ours.logits, theirs.logits), (ours.z, theirs.z)):
        assert torch.allclose(a, b, atol=1e-5)
    for name, slope in slopes.items():
        assert torch.allclose(slope, plain[name], atol=1e-5), name

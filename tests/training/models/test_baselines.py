"""Laws that all baselines keep, and their sizes in the papers' settings."""

import math
from dataclasses import fields, replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from training.model_settings import (
    CmeSettings,
    UmonsSettings,
    XuDeltaSettings,
    XuSettings,
    YoonMdreSettings,
    YoonMhaSettings,
)
from training.models import BASELINES, build_model, start_words
from training.models.interface import InputSizes

NAMES = sorted(BASELINES)
WORDS_AND_AUDIO = ("audio", "words")
MELS = InputSizes(n_mels=80, word_dim=300, bert_dim=0, vocabulary=3431)
UMONS = UmonsSettings("umons", 512, 4, 1024, 4, 0.1, 60, 16, 1024, "frozen")
COUNTS = [  # of the specification, four classes
    (UMONS, MELS, 28_373_870),
    (replace(UMONS, words="trained"), MELS, 28_373_870 + 3431 * 300),
    (XuSettings("xu", 100, 0.5, "frozen"), MELS, 870_005),
    (XuDeltaSettings("xu_delta", 512, 100, 8, 0.5, 700, 100, "frozen"), MELS, 1_154_276),
    *((YoonMhaSettings("yoon_mha", n, 256, 0.3, "frozen"), MELS, 1_839_108) for n in (1, 2, 3)),
    (YoonMdreSettings("yoon_mdre", 200, 0.3, 0.7, 750, 128, "frozen"), MELS, 511_404),
    (
        CmeSettings("cme", (64, 128), 256, 3000, "trained"),
        InputSizes(n_mels=40, word_dim=300, bert_dim=0, vocabulary=3431),
        1_784_132 + 556 * 3431,  # 3,691,768
    ),
]
STILL = {"umons": 10, "xu_delta": 1}  # tensors without a gradient in the tiny models


@pytest.fixture(params=NAMES)
def settings(request, baselines):
    return baselines[request.param]


@pytest.fixture
def batch(make_batch):
    return make_batch([23, 8, 30, 5], [3, 1, 4, 2])


def build(settings, sizes, n_classes=4, seed=0):
    torch.manual_seed(seed)
    return build_model(settings, sizes, WORDS_AND_AUDIO, n_classes)


def without_dropout(settings):
    return replace(settings, **{f.name: 0.0 for f in fields(settings) if "dropout" in f.name})


@pytest.mark.parametrize(("settings", "sizes", "expected"), COUNTS)
def test_parameter_counts_are_those_of_the_specification(settings, sizes, expected):
    with torch.device("meta"):  # sizes without memory
        assert sum(p.numel() for p in build(settings, sizes).parameters()) == expected


def test_mdre_is_as_large_as_the_original_but_for_the_prosody_that_the_store_lacks():
    settings = YoonMdreSettings("yoon_mdre", 200, 0.3, 0.7, 750, 128, "frozen")
    with torch.device("meta"):
        ours = build(settings, replace(MELS, n_mels=39))  # the original reads 39 MFCCs
        theirs = [nn.Linear(200 + 35, 235 // 2), nn.Linear(235 // 2 + 100, 4)]
        replaced = [ours.audio_half, ours.predictor]
        sizes = [sum(p.numel() for p in nn.ModuleList(x).parameters()) for x in (theirs, replaced)]
        total = sum(p.numel() for p in ours.parameters())
    assert total + sizes[0] - sizes[1] == 494_384


@pytest.mark.parametrize("words", ["frozen", "trained"])
@pytest.mark.parametrize("k", [1, 7, 29])
def test_padding_changes_nothing(settings, sizes, batch, extend_padding, words, k):
    model = build(without_dropout(replace(settings, words=words)), sizes)
    for mode in (True, False):
        model.train(mode)
        before, after = model(batch).logits, model(extend_padding(batch, mel=k, word=k)).logits
        assert torch.allclose(before, after, atol=1e-5)


def test_a_sample_is_answered_the_same_alone_and_in_company(settings, sizes, batch, take_samples):
    model = build(settings, sizes).eval()
    together = model(batch).logits
    for i in range(4):
        assert torch.allclose(model(take_samples(batch, [i])).logits[0], together[i], atol=1e-5)


def test_order_in_the_batch_does_not_matter(settings, sizes, batch, take_samples):
    model, order = build(settings, sizes).eval(), [2, 0, 3, 1]
    shuffled = model(take_samples(batch, order)).logits
    assert torch.allclose(shuffled, model(batch).logits[order], atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 37, 70])
def test_the_shortest_and_longer_than_the_longest_inputs_give_finite_answers(
    settings, sizes, make_batch, frames
):
    model = build(settings, sizes)
    for words in (1, 9):
        assert torch.isfinite(model(make_batch([frames], [words])).logits).all()


def test_every_parameter_learns_but_those_softmax_cannot_see(settings, sizes, make_batch):
    model = build(without_dropout(settings), sizes).double()
    batch = make_batch([23, 14, 30, 9, 21, 17], [3, 2, 4, 2, 5, 3])
    out = model(replace(batch, mel=batch.mel.double(), word=batch.word.double()))
    F.cross_entropy(out.logits, batch.label).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    still = [name for name, g in gradients.items() if g is None or g.abs().max() <= 1e-12]
    assert len(still) == STILL.get(settings.name, 0), still
    assert all(name.endswith((".k.bias", ".score.3.bias")) for name in still)


def test_both_inputs_matter_and_must_be_there(settings, sizes, batch):
    model = build(replace(settings, words="frozen"), sizes).eval()
    before = model(batch).logits
    for name in ("mel", "word"):
        changed = replace(batch, **{name: getattr(batch, name) + 1.0})
        assert not torch.allclose(before, model(changed).logits)
        with pytest.raises(ValueError, match=f"the batch lacks {name!r}"):
            model(replace(batch, **{name: None}))


def test_trained_words_are_known_by_number_alone(settings, sizes, batch):
    model = build(replace(settings, words="trained"), sizes).eval()
    before = model(batch).logits
    assert torch.equal(before, model(replace(batch, word=None)).logits)
    other = replace(batch, word_id=batch.word_id % (sizes.vocabulary - 1) + 1)
    assert not torch.allclose(before, model(other).logits)
    with pytest.raises(ValueError, match="the batch lacks 'word_id'"):
        model(replace(batch, word_id=None))


def test_an_embedding_that_starts_as_the_vectors_answers_as_they_do(settings, sizes, batch):
    table = torch.randn(sizes.vocabulary, sizes.word_dim)
    table[0] = 0.0
    frozen = build(replace(settings, words="frozen"), sizes).eval()
    trained = build(replace(settings, words="trained"), sizes).eval()
    start_words(trained, table)
    trained.load_state_dict(frozen.state_dict(), strict=False)
    shown = replace(batch, word=table[batch.word_id])
    assert torch.allclose(trained(shown).logits, frozen(shown).logits, atol=1e-6)


@pytest.mark.parametrize("n_classes", [4, 6])
def test_an_untrained_model_knows_nothing(settings, sizes, make_batch, n_classes):
    batch = make_batch([20] * 32, [3] * 32)
    label = torch.arange(32) % n_classes
    loss = F.cross_entropy(build(settings, sizes, n_classes).eval()(batch).logits, label)
    assert abs(loss.item() - math.log(n_classes)) < 0.3


def test_sixteen_samples_are_learnt_by_heart(settings, sizes, make_batch):
    batch = make_batch([20 + i % 5 for i in range(16)], [2 + i % 3 for i in range(16)])
    model = build(without_dropout(settings), sizes)
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


def test_the_same_seed_gives_the_same_losses(settings, sizes, batch):
    def losses():
        model = build(settings, sizes, seed=3)
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(3):
            loss = F.cross_entropy(model(batch).logits, batch.label)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield loss.item()

    assert list(losses()) == list(losses())


def test_bfloat16_autocast_is_finite_and_answers_in_float32(settings, sizes, batch):
    model = build(settings, sizes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(batch)
    F.cross_entropy(out.logits, batch.label).backward()
    assert out.logits.dtype == torch.float32
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_there_are_no_contrastive_features(settings, sizes, batch):
    assert build(settings, sizes)(batch).z.shape == (4, 0)


def test_every_dropout_of_the_settings_is_used(settings, sizes, batch):
    names = [f.name for f in fields(settings) if "dropout" in f.name]
    quiet = build(without_dropout(settings), sizes)
    assert torch.equal(quiet(batch).logits, quiet(batch).logits)
    for name in names:
        model = build(replace(without_dropout(settings), **{name: 0.5}), sizes)
        assert not torch.equal(model(batch).logits, model(batch).logits), name
        assert any(isinstance(m, nn.Dropout) and m.p == 0.5 for m in model.modules())

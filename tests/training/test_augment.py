"""What training does to a batch: laws of masks, mixing and dropped modalities."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from training.augment import augment_batch, drop_modalities, drop_text, mask_stretches, mix
from training.batch import Batch
from training.train_settings import SpecAugment

LENGTHS = torch.tensor([40, 7, 1, 22])


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    label = torch.tensor([0, 1, 2, 1])
    return Batch(
        mel=torch.rand(4, 40, 10, generator=generator) + 1.0,
        mel_len=LENGTHS,
        word=torch.rand(4, 5, 3, generator=generator) + 1.0,
        word_len=torch.tensor([5, 2, 1, 4]),
        bert=torch.rand(4, 6, generator=generator) + 1.0,
        bert_len=None,
        label=label,
        row=torch.arange(4),
    )


@pytest.fixture
def chance():
    return np.random.default_rng(3)


def test_masks_cover_no_more_than_they_may(batch):
    for seed in range(50):
        chance = np.random.default_rng(seed)
        mel = mask_stretches(batch, SpecAugment(1, 6, 1, 3), chance)
        for masked, plain, length in zip(mel, batch.mel, LENGTHS, strict=True):
            valid = masked[:length] == 0
            frames, bins = valid.all(dim=1), valid.all(dim=0)
            assert frames.sum() <= min(6, length // 2)
            assert bins.sum() <= 3
            assert torch.equal(valid, frames[:, None] | bins[None, :])
            assert torch.equal(masked[:length][~valid], plain[:length][~valid])


def test_every_frame_and_bin_may_be_masked(batch):
    hidden = torch.zeros(40, 10, dtype=torch.bool)
    for seed in range(200):
        chance = np.random.default_rng(seed)
        hidden |= mask_stretches(batch, SpecAugment(1, 8, 1, 4), chance)[0] == 0
    assert hidden.all()


def test_no_masks_change_nothing(batch, chance):
    assert torch.equal(mask_stretches(batch, SpecAugment(0, 9, 0, 9), chance), batch.mel)


def test_mixing_keeps_the_label_dominant_and_the_length(batch, chance):
    targets = F.one_hot(batch.label, 3).float()
    mixed, soft = mix(batch, targets, 0.5, chance)
    assert torch.allclose(soft.sum(dim=1), torch.ones(4))
    assert (soft.gather(1, batch.label[:, None]) >= 0.5).all()
    assert torch.equal(mixed.mel_len, batch.mel_len)
    assert torch.equal(mixed.label, batch.label)
    assert not torch.equal(mixed.mel, batch.mel)


def test_inputs_and_targets_are_mixed_by_the_same_share(batch, chance):
    targets = torch.eye(4)  # who is in it, and how much
    mixed, share = mix(batch, targets, 0.5, chance)
    inside = torch.arange(40) < LENGTHS[:, None]
    mel = torch.einsum("ij,jtf->itf", share, batch.mel * inside[..., None])
    for i, length in enumerate(LENGTHS):
        assert torch.allclose(mixed.mel[i, :length], mel[i, :length], atol=1e-6)
    assert torch.allclose(mixed.bert, share @ batch.bert, atol=1e-6)


def test_an_utterance_loses_one_modality_at_most(batch):
    lost = np.zeros(4)
    for seed in range(200):
        thinned = drop_modalities(batch, 0.5, np.random.default_rng(seed))
        for i in range(4):
            gone = [bool((x[i] == 0).all()) for x in (thinned.mel, thinned.word, thinned.bert)]
            assert sum(gone) <= 1
            lost += [not any(gone), *gone]
    share = lost / lost.sum()
    assert share == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6], abs=0.05)


def test_a_model_that_knows_words_by_number_loses_them_to_the_unknown(batch, chance):
    ids = torch.full((4, 5), 7)
    numbered = replace(batch, mel=None, word=None, word_id=ids)
    thinned = drop_modalities(numbered, 1.0, chance)
    words_gone = (thinned.word_id == 1).all(dim=1)
    bert_gone = (thinned.bert == 0).all(dim=1)
    assert (words_gone ^ bert_gone).all()


def test_the_only_modality_is_never_dropped(batch, chance):
    alone = replace(batch, word=None, bert=None)
    assert torch.equal(drop_modalities(alone, 1.0, chance).mel, batch.mel)


def test_text_goes_by_itself_and_the_audio_stays(batch):
    gone = []
    for seed in range(100):
        thinned = drop_text(batch, 0.5, np.random.default_rng(seed))
        assert torch.equal(thinned.mel, batch.mel)
        gone.append(((thinned.word == 0).all(dim=(1, 2)), (thinned.bert == 0).all(dim=1)))
    words, bert = (torch.cat(lost).float() for lost in zip(*gone, strict=True))
    both = (words * bert).mean()
    assert words.mean() == pytest.approx(0.5, abs=0.1)
    assert bert.mean() == pytest.approx(0.5, abs=0.1)
    assert both == pytest.approx(0.25, abs=0.1)  # apart from each other


def test_text_that_is_all_there_is_stays(batch, chance):
    silent = replace(batch, mel=None, mel_len=None)
    assert torch.equal(drop_text(silent, 1.0, chance).word, batch.word)


def test_chance_decides_all_and_nothing_else(batch, run_settings):
    settings = replace(
        run_settings.training, spec_augment=SpecAugment(2, 5, 2, 3), mixup=0.3, modality_dropout=0.5
    )
    torch.manual_seed(0)
    first, targets = augment_batch(batch, settings, 3, np.random.default_rng(5))
    torch.manual_seed(1)
    again, same = augment_batch(batch, settings, 3, np.random.default_rng(5))
    other, _ = augment_batch(batch, settings, 3, np.random.default_rng(6))
    assert torch.equal(first.mel, again.mel)
    assert torch.equal(targets, same)
    assert not torch.equal(first.mel, other.mel)

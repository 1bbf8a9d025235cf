"""What training does to a padded batch, on its device: masks, mixing, loss of modalities or text.

Chance comes from the generator given, on the host: first the recipe is drawn, then it is applied.
"""

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.batch import Batch
from training.models.sequences import length_mask
from training.train_settings import SpecAugment, TrainSettings
from training.vocabulary import UNKNOWN


def augment_batch(
    batch: Batch, settings: TrainSettings, n_classes: int, chance: np.random.Generator
) -> tuple[Batch, Tensor]:
    """The batch as training shows it, and what it is to answer: a class distribution, and ratings.

    Shape:
        output: the batch, whose labels are as before, and targets (B, n_classes + dimensions)
    """
    targets = _targets(batch, n_classes)
    if settings.mixup > 0:
        batch, targets = mix(batch, targets, settings.mixup, chance)
    if settings.spec_augment is not None and batch.mel is not None:
        batch = replace(batch, mel=mask_stretches(batch, settings.spec_augment, chance))
    if settings.modality_dropout > 0:
        batch = drop_modalities(batch, settings.modality_dropout, chance)
    if settings.text_dropout > 0:
        batch = drop_text(batch, settings.text_dropout, chance)
    return batch, targets


def _targets(batch: Batch, n_classes: int) -> Tensor:
    """One-hot classes, if any are learned, and behind them the ratings, if any are."""
    parts = [] if batch.ratings is None else [batch.ratings]
    if n_classes:
        parts = [F.one_hot(batch.label, n_classes).float(), *parts]
    return torch.cat(parts, dim=1)


def mask_stretches(batch: Batch, settings: SpecAugment, chance: np.random.Generator) -> Tensor:
    """The spectrogram with random stretches of frames and of bins at 0, the mean of each bin.

    Widths are drawn evenly from 0 to the largest, of frames at most half of the utterance; places
    evenly from all where the stretch fits.

    Shape:
        output: (B, Ta, n_mels)
    """
    assert batch.mel is not None and batch.mel_len is not None
    mel, lengths = batch.mel, batch.mel_len.numpy()
    bins = np.full_like(lengths, mel.shape[2])
    times = np.minimum(settings.time_frames, lengths // 2)
    widths = np.minimum(settings.frequency_bins, bins)
    frames_off = _stretches(settings.time_masks, times, lengths, mel.shape[1], chance)
    bins_off = _stretches(settings.frequency_masks, widths, bins, mel.shape[2], chance)
    off = [torch.from_numpy(x).to(mel.device, non_blocking=True) for x in (frames_off, bins_off)]
    return mel.masked_fill(off[0][:, :, None] | off[1][:, None, :], 0.0)


def mix(
    batch: Batch, targets: Tensor, alpha: float, chance: np.random.Generator
) -> tuple[Batch, Tensor]:
    """Each utterance with a smaller share of another one's inputs and target (Zhang et al. 2018).

    It keeps its own length: of a longer partner the end is left out, past the end of a shorter one
    it meets zeros, the mean. As its own share is the larger, its label remains what it mostly is.
    """
    assert batch.word_id is None, "settings refuse mixup for a model that learns words"
    device = batch.label.device
    share = chance.beta(alpha, alpha, len(batch.label))
    own = torch.from_numpy(np.maximum(share, 1 - share)).float().to(device, non_blocking=True)
    partner = torch.from_numpy(chance.permutation(len(batch.label)))
    partner = partner.to(device, non_blocking=True)

    def mixed(values: Tensor | None, lengths: Tensor | None) -> Tensor | None:
        if values is None:
            return None
        if lengths is not None:
            values = values * length_mask(lengths, values.shape[1], device)[..., None]
        part = own.view(-1, *[1] * (values.dim() - 1))
        return part * values + (1 - part) * values[partner]

    batch = replace(
        batch,
        mel=mixed(batch.mel, batch.mel_len),
        word=mixed(batch.word, batch.word_len),
        bert=mixed(batch.bert, batch.bert_len),
    )
    return batch, own[:, None] * targets + (1 - own[:, None]) * targets[partner]


def drop_modalities(batch: Batch, probability: float, chance: np.random.Generator) -> Batch:
    """Some utterances without one of their modalities, chosen evenly: zeros, or unknown words.

    With one modality nothing is dropped.
    """
    has_words = batch.word is not None or batch.word_id is not None
    present = [batch.mel is not None, has_words, batch.bert is not None]
    n = len(batch.label)
    lost = np.where(chance.random(n) < probability, chance.integers(0, sum(present), n), -1)
    if sum(present) < 2:
        return batch
    number = iter(range(sum(present)))
    mel, words, bert = (
        torch.from_numpy(lost == next(number)) if there else None for there in present
    )
    return blank(batch, mel, words, bert)


def drop_text(batch: Batch, probability: float, chance: np.random.Generator) -> Batch:
    """Some utterances without their words, and others, or the same, without their BERT.

    So the audio has to say what it can by itself: a sentence that training has heard often does not
    become a short cut. Without audio nothing is dropped.
    """
    if batch.mel is None:
        return batch
    words, bert = torch.from_numpy(chance.random((2, len(batch.label))) < probability)
    return blank(batch, None, words, bert)


def blank(batch: Batch, audio: Tensor | None, words: Tensor | None, bert: Tensor | None) -> Batch:
    """The batch with some utterances' modalities at zero, the mean; words unknown.

    Shape:
        audio, words, bert: (B,) True where it is lost; None: nowhere
    """
    return replace(
        batch,
        mel=_blanked(batch.mel, audio, 0),
        word=_blanked(batch.word, words, 0),
        word_id=_blanked(batch.word_id, words, UNKNOWN),
        bert=_blanked(batch.bert, bert, 0),
    )


def _stretches(
    number: int,
    widest: NDArray[np.int64],
    lengths: NDArray[np.int64],
    size: int,
    chance: np.random.Generator,
) -> NDArray[np.bool_]:
    """(B, size), True in `number` random stretches of each row, all before its length."""
    widths = chance.integers(0, widest[:, None] + 1, (len(lengths), number))
    starts = chance.integers(0, lengths[:, None] - widths + 1)
    place = np.arange(size)
    inside = (place >= starts[..., None]) & (place < (starts + widths)[..., None])
    return np.asarray(inside.any(axis=1))


def _blanked(values: Tensor | None, lost: Tensor | None, blank: float) -> Tensor | None:
    if values is None or lost is None:
        return values
    lost = lost.to(values.device, non_blocking=True)
    return values.masked_fill(lost.view(-1, *[1] * (values.dim() - 1)), blank)

"""From rows of a tensor cache to padded, normalised batches."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.batch import Batch
from training.cache import TensorCache
from training.draw import draw_views, seed_of, shuffled_batches, sorted_batches
from training.model_settings import VcemoSettings
from training.settings import RunSettings, files_of

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation of each mel bin over the training part; (n_mels,) float32 each."""

    mean: Tensor
    std: Tensor

    def __call__(self, mel: Tensor) -> Tensor:
        return (mel - self.mean) / self.std


@dataclass(frozen=True)
class Ragged:
    """Sequences end to end in one tensor; row i is values[offsets[i] : offsets[i + 1]].

    Shape:
        values: (total, ...); offsets: (rows + 1,) int64
    """

    values: Tensor
    offsets: Tensor

    def pad(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The rows' values end to end (sum of lengths, ...), lengths (B,) and mask (B, longest)."""
        start = self.offsets[rows]
        lengths = self.offsets[rows + 1] - start
        step = torch.arange(int(lengths.max()))
        mask = step < lengths[:, None]
        return self.values[(start[:, None] + step)[mask]], lengths, mask


@dataclass(frozen=True)
class Features:
    """The tensors one run reads, None for a modality it does not use.

    Shape:
        mel: values (frames, n_mels) float16; words: ids (tokens,) int32; table: (vocabulary,
            word_dim) float32; bert: (utterances, bert_dim) float32
    """

    cache: TensorCache
    mel: Ragged | None
    words: Ragged | None
    table: Tensor | None
    bert: Tensor | None

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        """What batches are sorted by: frames, without audio words, all alike without either."""
        if self.mel is not None:
            return self.cache.frames[rows]
        if self.words is not None:
            counts: NDArray[np.int64] = np.diff(self.words.offsets.numpy())
            return counts[self.cache.utterance[rows]]
        return np.ones(len(rows), dtype=np.int64)

    def collate(self, rows: Rows, normalise: Normalisation | None) -> Batch:
        """The padded batch of some rows of the index, gathered all at once."""
        index = torch.from_numpy(rows)
        utterance = torch.from_numpy(self.cache.utterance[rows])
        mel = mel_len = word = word_len = None
        if self.mel is not None:
            assert normalise is not None, "audio needs its normalisation"
            values, mel_len, mask = self.mel.pad(index)
            mel = _padded(normalise(values.float()), mask)
        if self.words is not None:
            assert self.table is not None
            ids, word_len, mask = self.words.pad(utterance)
            word = _padded(self.table[ids.long()], mask)
        return Batch(
            mel=mel,
            mel_len=mel_len,
            word=word,
            word_len=word_len,
            bert=None if self.bert is None else self.bert[utterance],
            bert_len=None,
            label=torch.from_numpy(self.cache.label[rows]),
            row=index,
        )


def open_features(cache: TensorCache, run: RunSettings) -> Features:
    """The tensors of the run's modalities, memory-mapped.

    Raises:
        ValueError: the cache is of another task, lacks the text source, a view or a file, or a
            file contradicts the index or meta.json.
    """
    _check_fit(cache, run)
    mel = words = table = bert = None
    files = files_of(run)
    if "audio" in files:
        mel = _ragged(cache, files["audio"], "values", len(cache.frames))
        _check_width(cache, "mel", mel.values, "n_mels")
        if not np.array_equal(np.diff(mel.offsets.numpy()), cache.frames):
            raise ValueError(f"{cache.folder}: mel offsets and index disagree; pack the task again")
    utterances = int(cache.meta["utterances"])
    if "words" in files:
        words = _ragged(cache, files["words"], "ids", utterances)
        table = cache.tensors(files["words"])["table"]
        _check_width(cache, "words", table, "word_dim")
    if "bert" in files:
        assert isinstance(run.model, VcemoSettings), "no other model reads BERT"
        bert = cache.tensors(files["bert"])[run.model.bert]
        _check_width(cache, "bert", bert, "bert_dim")
        if len(bert) != utterances:
            raise ValueError(
                f"{cache.folder}: {len(bert)} BERT vectors for {utterances} utterances"
            )
    return Features(cache, mel, words, table, bert)


def fit_normalisation(cache: TensorCache, rows: Rows) -> Normalisation:
    """Mean and deviation per bin over the frames of some rows, from the sums stored with each row.

    A bin that never varies is only centred.
    """
    mel = cache.tensors("mel")
    frames = int(cache.frames[rows].sum())
    mean = mel["sum"].numpy()[rows].sum(axis=0) / frames
    variance = mel["sum_squares"].numpy()[rows].sum(axis=0) / frames - mean**2
    # The difference of two sums in float64 leaves about this much of a constant.
    constant = variance <= 1e-9 * np.maximum(mean**2, 1.0)
    std = np.sqrt(np.where(constant, 1.0, variance))
    return Normalisation(
        torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(std.astype(np.float32))
    )


def epoch_rows(features: Features, rows: Rows, run: RunSettings, *names: object) -> list[Rows]:
    """The batches of a training epoch as rows of the index: views drawn, lengths together.

    `names` (fold, seed, epoch) decide every draw.
    """
    cache = features.cache
    heard = run.training.views if "audio" in run.modalities else ()  # a view has the same text
    views = [cache.view_rows(view)[cache.utterance[rows]] for view in heard]
    share = run.training.view_probability
    shown = draw_views(rows, views, share, seed_of("views", *names))
    lengths = features.lengths(shown)
    batches = shuffled_batches(lengths, run.training.batch_size, seed_of("batches", *names))
    return [shown[batch] for batch in batches]


def scoring_batches(
    features: Features, rows: Rows, batch_size: int, normalise: Normalisation | None
) -> Iterator[Batch]:
    """Batches of original rows, each row once."""
    for batch in sorted_batches(features.lengths(rows), batch_size):
        yield features.collate(rows[batch], normalise)


def _check_fit(cache: TensorCache, run: RunSettings) -> None:
    meta = cache.meta
    if run.task != meta["task"]:
        raise ValueError(f"the run is for task {run.task!r}, {cache.folder} holds {meta['task']!r}")
    if {"words", "bert"} & set(run.modalities) and run.source not in meta["sources"]:
        known = meta["sources"]
        raise ValueError(f"{cache.folder} has no text source {run.source!r}, only {known}")
    if "audio" in run.modalities and run.training.view_probability > 0:
        absent = [view for view in run.training.views if not (cache.view == view).any()]
        if absent:
            raise ValueError(
                f"{cache.folder} has no views {absent}: switch them on in augment, or take them "
                "out of the run's training.views"
            )


def _check_width(cache: TensorCache, name: str, values: Tensor, key: str) -> None:
    if values.shape[1] != cache.meta[key]:
        expected = f"meta.json says {key} = {cache.meta[key]}"
        raise ValueError(f"{cache.folder}: {name} is {values.shape[1]} wide, {expected}")


def _ragged(cache: TensorCache, name: str, values: str, rows: int) -> Ragged:
    tensors = cache.tensors(name)
    offsets = tensors["offsets"]
    if len(offsets) != rows + 1 or int(offsets[-1]) != len(tensors[values]):
        raise ValueError(
            f"{cache.folder}: {name}.safetensors does not hold {rows} rows; pack again"
        )
    return Ragged(tensors[values], offsets)


def _padded(values: Tensor, mask: Tensor) -> Tensor:
    """(sum of lengths, d) laid out by the mask (B, T) -> (B, T, d), zero elsewhere."""
    out = values.new_zeros(*mask.shape, values.shape[1])
    out[mask] = values
    return out

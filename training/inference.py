"""Answers of a trained fold to features at hand: no store, no cache, only the fold's folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from training.batch import Batch
from training.checkpoint import TrainedFold, vocabulary_of
from training.device import autocast
from training.draw import cut
from training.model_settings import CmeSettings, ModelSettings, reads_word_vectors
from training.normalise import sums_to_statistics
from training.strict import read_one_of
from training.vocabulary import FIRST_WORD, Word


@dataclass(frozen=True)
class Utterance:
    """The features of one utterance, made as the fold's record says under `features`.

    What the model does not read may be left out.

    Shape:
        mel: (frames, n_mels) log-mel, not normalised; words: (words, word_dim) vectors; bert:
            (bert_dim,), or (tokens, bert_dim) for a model that reads tokens; align: (words, 2)
            frames of each word, (0, 0) = unknown
    """

    mel: Tensor | None = None
    words: Tensor | None = None
    bert: Tensor | None = None
    align: Tensor | None = None
    forms: tuple[Word, ...] | None = None  # (language, word), for a model that knows their numbers
    speaker: str | None = None  # for a model that normalises each speaker by themselves


def predict_utterances(
    fold: TrainedFold, utterances: Sequence[Utterance], batch_size: int
) -> NDArray[np.float32]:
    """Class probabilities, in the order of `fold.record["classes"]`.

    Where each speaker is normalised by themselves, their statistics are those of all their
    utterances given here: give as many as there are.

    Shape:
        output: (utterances, classes)

    Raises:
        ValueError: an utterance lacks what the model reads, or it learned no classes.
    """
    answers = _answers(fold, utterances, batch_size)
    logits = answers[:, : answers.shape[1] - len(_dimensions(fold))]
    if not logits.shape[1]:
        raise ValueError(f"the model learned no classes, only {', '.join(_dimensions(fold))}")
    return np.asarray(logits.softmax(dim=1))


def rate_utterances(
    fold: TrainedFold, utterances: Sequence[Utterance], scale: tuple[float, float], batch_size: int
) -> NDArray[np.float32]:
    """Ratings in the order of `fold.record["dimensions"]`; see `predict_utterances`.

    Args:
        scale: its two ends, as 1 and 5; `fold.record["scales"]` has those of the corpora.

    Shape:
        output: (utterances, dimensions)

    Raises:
        ValueError: an utterance lacks what the model reads, or it learned no dimensions.
    """
    if not (dimensions := _dimensions(fold)):
        raise ValueError("the model learned no dimensions, its preset has `regression: null`")
    answers = np.asarray(_answers(fold, utterances, batch_size)[:, -len(dimensions) :])
    least, most = scale
    return np.asarray(least + (answers + 1) / 2 * (most - least), np.float32)


def _dimensions(fold: TrainedFold) -> Sequence[str]:
    names: Sequence[str] = fold.record.get("dimensions", ())
    return names


@torch.no_grad()
def _answers(fold: TrainedFold, utterances: Sequence[Utterance], batch_size: int) -> Tensor:
    """All that the model answers; (utterances, classes + dimensions)."""
    device = next(fold.model.parameters()).device
    shown = _spectrograms(fold, utterances)
    answers = []
    for places in cut(np.arange(len(utterances)), batch_size):
        batch = _collate(fold, [utterances[i] for i in places], [shown[i] for i in places])
        with autocast(device, fold.record["training"]["precision"]):
            logits = fold.model.eval()(batch.to(device)).logits
        answers.append(logits.float().cpu())
    return torch.cat(answers)


def _spectrograms(fold: TrainedFold, utterances: Sequence[Utterance]) -> list[Tensor | None]:
    """Each spectrogram, cut to the longest that the model was trained on, and normalised."""
    if "audio" not in fold.record["modalities"]:
        return [None] * len(utterances)
    longest = fold.record["inputs"]["mel_max_frames"]
    mels = [mel[:longest].float() for mel in _all(utterances, "mel")]
    if fold.normalise is not None:
        mean, std = fold.normalise.mean[0], fold.normalise.std[0]
        return [(mel - mean) / std for mel in mels]
    names: list[str] = _all(utterances, "speaker")
    scales = {
        name: _statistics([m for m, n in zip(mels, names, strict=True) if n == name])
        for name in set(names)
    }
    return [
        (mel - scales[name][0]) / scales[name][1] for mel, name in zip(mels, names, strict=True)
    ]


def _statistics(mels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    frames = torch.cat(list(mels)).double()
    total, squares = (x.sum(dim=0).numpy() for x in (frames, frames**2))
    mean, std = sums_to_statistics(total, squares, len(frames))
    return torch.from_numpy(mean).float(), torch.from_numpy(std).float()


def _collate(
    fold: TrainedFold, utterances: Sequence[Utterance], mels: Sequence[Tensor | None]
) -> Batch:
    reads = fold.record["modalities"]
    model = read_one_of(ModelSettings, fold.record["model"], "model")
    mel = mel_len = word = word_id = word_len = align = bert = bert_len = None
    if "audio" in reads:
        mel, mel_len = _padded([m for m in mels if m is not None])
    vocabulary = vocabulary_of(fold.record)
    if vocabulary is not None:
        word_id, word_len = _padded(
            [vocabulary.numbers(forms)[FIRST_WORD:] for forms in _all(utterances, "forms")]
        )
    if "words" in reads and reads_word_vectors(model):
        word, word_len = _padded(_all(utterances, "words"))
    if isinstance(model, CmeSettings):
        align, _ = _padded(_all(utterances, "align"))
    if "bert" in reads:
        states = _all(utterances, "bert")
        bert, bert_len = _padded(states) if states[0].dim() == 2 else (torch.stack(states), None)
    nothing = torch.zeros(len(utterances), dtype=torch.int64)
    return Batch(mel, mel_len, word, word_len, bert, bert_len, nothing, nothing, word_id, align)


def _padded(values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Sequences of several lengths as (B, longest, ...), and the lengths (B,)."""
    return pad_sequence(list(values), batch_first=True), torch.tensor([len(v) for v in values])


def _all(utterances: Sequence[Utterance], name: str) -> list[Any]:
    """One part of every utterance."""
    found = [getattr(utterance, name) for utterance in utterances]
    if None in found:
        number = found.index(None)
        raise ValueError(
            f"utterance {number} of {len(found)} has no {name!r}, which the model reads"
        )
    return found

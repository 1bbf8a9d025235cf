"""What one fold is trained on."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.cache import SUBSETS, TensorCache, open_cache
from training.data import Features, open_features
from training.feed import settle
from training.jobs import FoldJob
from training.losses import balanced_weights
from training.model_settings import reads_word_ids
from training.normalise import Normalisation, Rows, fit_normalisation, speakers
from training.ratings import OutputSizes, check_ratings, output_sizes
from training.settings import RunSettings
from training.vocabulary import Vocabulary


@dataclass(frozen=True)
class FoldData:
    """What one fold sees: its training rows, and those that it is chosen by."""

    job: FoldJob
    features: Features
    train_rows: Rows
    val_rows: Rows
    normalise: Normalisation | None  # None without audio
    vocabulary: Vocabulary | None  # None for a model that knows words by their vectors alone
    class_weights: Tensor | None  # None: each utterance counts the same
    outputs: OutputSizes


def check_folds(run: RunSettings, cache: TensorCache) -> None:
    """See before training starts that every fold can be trained.

    Raises:
        ValueError: the training part of a fold lacks a class or ratings, a part is empty, or a
            speaker is unknown whose statistics are asked for.
    """
    for fold in range(cache.folds(run.split)):
        train, *_ = (cache.rows(run.split, fold, subset) for subset in SUBSETS)
        heard = set(cache.label[train])
        if absent := [name for i, name in enumerate(cache.classes) if i not in heard]:
            raise ValueError(
                f"fold {fold} of split {run.split!r} has no training utterance of the classes "
                f"{absent}: choose another split, or a task without them"
            )
        check_ratings(run, cache, fold)
    if "audio" in run.modalities and run.training.normalisation == "speaker":
        speakers(cache)


def open_fold(job: FoldJob) -> FoldData:
    """The data of a fold; statistics, words and class weights come from its training part alone.

    Raises:
        ValueError: the cache does not fit the run.
    """
    cache, settings = open_cache(job.cache_dir), job.run.training
    train_rows, val_rows = (cache.rows(job.run.split, job.fold, s) for s in ("train", "val"))
    normalise = weights = vocabulary = None
    if "audio" in job.run.modalities:
        normalise = fit_normalisation(cache, train_rows, settings.normalisation)
    if settings.objective.class_weights == "balanced":
        weights = balanced_weights(cache.label[train_rows], len(cache.classes)).to(job.device)
    features = open_features(cache, job.run)
    if reads_word_ids(job.run.model):
        vocabulary = features.learn_words(train_rows)
        features = features.knowing(vocabulary)
    features = replace(features, few_sizes=settings.compile is not None)
    features = settle(features, torch.device(job.device))
    outputs = output_sizes(settings, cache)
    return FoldData(job, features, train_rows, val_rows, normalise, vocabulary, weights, outputs)

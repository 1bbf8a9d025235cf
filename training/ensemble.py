"""What the networks of a fold answer together: the mean of their probabilities.

Deep ensembles (Lakshminarayanan et al. 2017). Members differ in what they draw by chance and in
nothing else: their first weights, the order of batches, what is masked, mixed and dropped.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from training.answers import FoldResult, Subset, fold_result
from training.batch import Batch
from training.checkpoint import load_fold, normalisation_on, vocabulary_of
from training.data import Features
from training.device import own_chance
from training.jobs import Ensemble, FoldJob
from training.memory import explain_memory
from training.normalise import Rows
from training.predict import predict
from training.ratings import output_sizes

Answers = NDArray[np.float32]  # (n, classes + dimensions): logits, then ratings
Change = Callable[[Batch], Batch]


def answer(
    ensemble: Ensemble,
    features: Features,
    subsets: Sequence[Subset],
    change: Change = lambda batch: batch,
) -> list[FoldResult]:
    """What the networks answer together to parts of their fold.

    Args:
        change: what becomes of each batch before a network sees it.

    Raises:
        ValueError: a network is missing or damaged, or has no finite answer.
    """
    run, cache = ensemble.run, features.cache
    parts = [cache.rows(run.split, ensemble.fold, subset) for subset in subsets]
    apart = [_answers(job, features, parts, change) for job in ensemble.members]
    classes = output_sizes(run.training, cache).classes
    joint = [together(answers, classes) for answers in zip(*apart, strict=True)]
    return [
        fold_result(ensemble, cache, subset, rows, answers)
        for subset, rows, answers in zip(subsets, parts, joint, strict=True)
    ]


def together(answers: Sequence[Answers], classes: int) -> Answers:
    """One answer for several networks: the mean of their probabilities, as logits, and ratings.

    Shape:
        answers: (n, classes + dimensions) each; output: the same
    """
    if len(answers) == 1:
        return answers[0]
    every = torch.from_numpy(np.stack(answers)).double()
    logits = every[..., :classes].log_softmax(dim=2).logsumexp(dim=0) - math.log(len(answers))
    ratings = every[..., classes:].mean(dim=0)
    return np.asarray(torch.cat([logits, ratings], dim=1).float())


def _answers(
    job: FoldJob, features: Features, parts: Sequence[Rows], change: Change
) -> list[Answers]:
    """What one network answers to each of several parts of the index."""
    device, settings = torch.device(job.device), job.run.training
    with own_chance(0, device), explain_memory(settings.batch_size):
        trained = load_fold(job.folder, device)
        if (vocabulary := vocabulary_of(trained.record)) is not None:
            features = features.knowing(vocabulary)
        normalise = normalisation_on(trained, features.cache)
        return [
            predict(
                trained.model,
                features,
                rows,
                normalise,
                batch_size=settings.batch_size,
                device=device,
                precision=settings.precision,
                change=change,
            )
            for rows in parts
        ]

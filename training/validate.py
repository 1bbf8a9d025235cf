"""How a network does on the validation part of its fold, after each epoch."""

import math
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training import metrics
from training.fold import FoldData
from training.losses import concordance_loss
from training.predict import predict
from training.progress import EpochScore
from training.train_settings import Objective


def validate(model: nn.Module, data: FoldData) -> EpochScore:
    """The scores of the validation part: those of the classes, of the dimensions, or of both."""
    logits = predict(
        model,
        data.features,
        data.val_rows,
        data.normalise,
        batch_size=data.job.run.training.batch_size,
        device=torch.device(data.job.device),
        precision=data.job.run.training.precision,
    )
    answers, n = torch.from_numpy(logits), data.outputs.classes
    score = EpochScore(0, math.nan, 0.0, math.nan, math.nan)
    if n:
        labels = data.features.cache.label[data.val_rows]
        objective = data.job.run.training.objective
        loss = _class_loss(answers[:, :n], torch.from_numpy(labels), objective)
        found = metrics.score(metrics.count(labels, np.argmax(logits[:, :n], axis=1), n))
        score = replace(score, val_loss=loss, val_wa=found.wa, val_ua=found.ua)
    if (regression := data.job.run.training.regression) is not None:
        assert data.features.ratings is not None
        apart = concordance_loss(answers[:, n:], data.features.ratings[data.val_rows]).item()
        weight = 1.0 if regression.weight is None else regression.weight
        score = replace(score, val_loss=score.val_loss + weight * apart, val_ccc=1 - apart)
    return score


def _class_loss(logits: Tensor, labels: Tensor, objective: Objective) -> float:
    """What an answer loses by the objective, on average: neither summed, smoothed nor weighted.

    Shape:
        logits: (n, classes); labels: (n,)
    """
    if objective.name == "sigmoid":
        wanted = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, wanted).item()
    return F.cross_entropy(logits, labels).item()

"""How a network does on the validation part of its fold, after each epoch."""

import math
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from training import metrics
from training.fold import FoldData
from training.losses import concordance_loss
from training.predict import predict
from training.progress import EpochScore


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
        loss = F.cross_entropy(answers[:, :n], torch.from_numpy(labels)).item()
        found = metrics.score(metrics.count(labels, np.argmax(logits[:, :n], axis=1), n))
        score = replace(score, val_loss=loss, val_wa=found.wa, val_ua=found.ua)
    if (regression := data.job.run.training.regression) is not None:
        assert data.features.ratings is not None
        apart = concordance_loss(answers[:, n:], data.features.ratings[data.val_rows]).item()
        weight = 1.0 if regression.weight is None else regression.weight
        score = replace(score, val_loss=score.val_loss + weight * apart, val_ccc=1 - apart)
    return score

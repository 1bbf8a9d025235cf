"""The losses of classes, of dimensions, of contrasts (Khosla et al. 2020), and what joins them."""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.train_settings import Objective, TrainSettings

Empty = Literal["skip", "zero"]
TINY = 1e-8  # keeps a batch without any spread from 0 / 0


def answer_loss(
    answers: Tensor,
    targets: Tensor,
    n_classes: int,
    settings: TrainSettings,
    class_weights: Tensor | None = None,
) -> Tensor:
    """The loss of the classes, of the dimensions behind them, or CE + weight (1 - CCC) of both.

    Shape:
        answers, targets: (n, classes + dimensions); class_weights: (classes,); output: scalar
    """
    classes = (answers[:, :n_classes], targets[:, :n_classes], settings.objective, class_weights)
    if settings.regression is None:
        return classification_loss(*classes)
    apart = concordance_loss(answers[:, n_classes:], targets[:, n_classes:])
    weight = settings.regression.weight
    return apart if weight is None else classification_loss(*classes) + weight * apart


def classification_loss(
    logits: Tensor, targets: Tensor, objective: Objective, class_weights: Tensor | None = None
) -> Tensor:
    """How far the answers are from the targets, each a distribution over classes.

    Smoothing takes its share of each target and spreads it evenly. With class weights the mean is
    weighted by that of the sample's own classes.

    Shape:
        logits, targets: (n, classes), rows of targets sum to 1; class_weights: (classes,); output:
            scalar
    """
    smooth = objective.label_smoothing
    wanted = (1 - smooth) * targets + smooth / logits.shape[1]
    weights = torch.ones_like(logits[0]) if class_weights is None else class_weights
    if objective.name == "sigmoid":
        each = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        own = targets @ weights
        return (each.mean(dim=1) * own).sum() / own.sum()
    each = -(wanted * weights * logits.log_softmax(dim=1)).sum(dim=1)
    return (
        each.sum()
        if objective.name == "cross_entropy_sum"
        else each.sum() / (targets @ weights).sum()
    )


def concordance_loss(predicted: Tensor, actual: Tensor) -> Tensor:
    """1 - CCC, the mean over the dimensions that at least two samples are rated in.

    CCC = 2 cov / (var + var + (difference of means)^2), with moments over n (Lin 1989); in float32
    or wider. Without any such dimension it is an exact 0 that still has a graph.

    Shape:
        predicted, actual: (n, dimensions), NaN in `actual` where not rated; output: scalar
    """
    known = actual.isfinite()
    n = known.sum(dim=0).clamp(min=1)
    a, p = (torch.where(known, x, 0.0) for x in (actual, predicted))
    mean_a, mean_p = a.sum(dim=0) / n, p.sum(dim=0) / n
    a, p = ((x - mean) * known for x, mean in ((a, mean_a), (p, mean_p)))
    covariance, spread = (a * p).sum(dim=0) / n, (a * a + p * p).sum(dim=0) / n
    ccc = 2 * covariance / (spread + (mean_a - mean_p) ** 2 + TINY)
    rated = known.sum(dim=0) > 1
    return ((1 - ccc) * rated).sum() / rated.sum().clamp(min=1)


def balanced_weights(labels: NDArray[np.int64], n_classes: int) -> Tensor:
    """Weights (n_classes,) under which each class of the labels (n,) counts as much as any other.

    Their mean over the labels is 1; a class that does not occur has none.
    """
    counts = np.bincount(labels, minlength=n_classes)
    weights = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    return torch.from_numpy(np.where(counts > 0, weights, 0.0).astype(np.float32))


def supervised_contrastive(
    z: Tensor,
    labels: Tensor,
    temperature: float,
    empty: Empty = "skip",
    contrasts: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """How far each feature is from those of its class, against all others.

    For anchor i with contrasts a and those of its class as positives p:
    l_i = -mean_p [ z_i c_p / tau - log sum_a exp(z_i c_a / tau) ]; the mean of l_i over anchors
    that have a positive, or with `empty = "zero"` over all anchors, those without counting 0 (as
    SupContrast does). With no positive at all it is an exact 0 that still has a graph.

    The contrasts are the other features of the batch, or features and labels given as a pair, of
    which those with a negative label are empty and take no part.

    Shape:
        z: (n, k) rows of unit length; labels: (n,); contrasts: (m, k) and (m,); output: scalar
    """
    others, theirs = (z, labels) if contrasts is None else contrasts
    absent = (theirs < 0).expand(len(z), -1)
    if contrasts is None:
        absent = absent | torch.eye(len(z), dtype=torch.bool, device=z.device)  # no one is its own
    positive = (labels[:, None] == theirs) & ~absent
    positives = positive.sum(dim=1)
    anchors = positives > 0
    if len(others) == 1 and contrasts is None:  # nothing to compare with
        return 0.0 * z.sum()
    scores = z @ others.T / temperature
    log_total = scores.masked_fill(absent, float("-inf")).logsumexp(dim=1, keepdim=True)
    log_share = (scores - log_total).masked_fill(~positive, 0.0)
    losses = -log_share.sum(dim=1) / positives.clamp(min=1)
    return losses.sum() / (len(z) if empty == "zero" else anchors.sum().clamp(min=1))


def joint_loss(classification: Tensor, contrastive: Tensor, alpha: float) -> Tensor:
    """(CE + alpha SC) / (1 + alpha)."""
    return (classification + alpha * contrastive) / (1 + alpha)

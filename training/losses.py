"""The loss of the classifier, the supervised contrastive loss (Khosla et al. 2020), and both."""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.train_settings import Objective

Empty = Literal["skip", "zero"]


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

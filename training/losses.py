"""Cross-entropy and supervised contrastive loss (Khosla et al. 2020) with their weighted mean."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Empty = Literal["skip", "zero"]


def supervised_contrastive(
    z: Tensor, labels: Tensor, temperature: float, empty: Empty = "skip"
) -> Tensor:
    """How far each feature is from those of its class, against all others of the batch.

    For anchor i with the other features as contrasts a and those of its class as positives p:
    l_i = -mean_p [ z_i z_p / tau - log sum_a exp(z_i z_a / tau) ]; the mean of l_i over anchors
    that have a positive, or with `empty = "zero"` over all anchors, those without counting 0 (as
    SupContrast does). With no positive at all it is an exact 0 that still has a graph.

    Shape:
        z: (n, k) rows of unit length; labels: (n,); output: scalar
    """
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    positive = (labels[:, None] == labels) & ~itself
    positives = positive.sum(dim=1)
    anchors = positives > 0
    if not bool(anchors.any()):
        return 0.0 * z.sum()
    scores = z @ z.T / temperature
    log_total = scores.masked_fill(itself, float("-inf")).logsumexp(dim=1, keepdim=True)
    log_share = (scores - log_total).masked_fill(~positive, 0.0)
    losses = -log_share.sum(dim=1) / positives.clamp(min=1)
    return losses.sum() / (len(z) if empty == "zero" else anchors.sum())


def joint_loss(
    logits: Tensor,
    z: Tensor,
    labels: Tensor,
    *,
    alpha: float,
    temperature: float,
    empty: Empty = "skip",
) -> Tensor:
    """(CE + alpha SC) / (1 + alpha); at alpha 0 the contrastive features get no gradient.

    Shape:
        logits: (n, classes); z: (n, k) unit rows; labels: (n,); output: scalar
    """
    cross_entropy = F.cross_entropy(logits, labels)
    if alpha == 0:
        return cross_entropy
    contrastive = supervised_contrastive(z, labels, temperature, empty)
    return (cross_entropy + alpha * contrastive) / (1 + alpha)

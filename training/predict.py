"""What a model answers."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.data import Features, Normalisation, Rows, scoring_batches
from training.device import autocast


@torch.no_grad()
def predict(
    model: nn.Module,
    features: Features,
    rows: Rows,
    normalise: Normalisation | None,
    *,
    batch_size: int,
    device: torch.device,
) -> NDArray[np.float32]:
    """Logits of the model in evaluation mode.

    Shape:
        rows: (n,) ascending; output: (n, classes) in the order of `rows`
    """
    model.eval()
    logits = []
    order = []
    for batch in scoring_batches(features, rows, batch_size, normalise):
        with autocast(device):
            logits.append(model(batch.to(device)).logits.float().cpu())
        order.append(batch.row)
    back = torch.cat(order).argsort()
    return torch.cat(logits)[back].numpy()

"""What a model answers."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.batch import Batch
from training.data import Features, scoring_rows
from training.device import autocast
from training.distributed import exchange, rank, world_size
from training.feed import feed
from training.normalise import Normalisation, Rows
from training.train_settings import Precision


@torch.no_grad()
def predict(
    model: nn.Module,
    features: Features,
    rows: Rows,
    normalise: Normalisation | None,
    *,
    batch_size: int,
    device: torch.device,
    precision: Precision,
    change: Callable[[Batch], Batch] = lambda batch: batch,
) -> NDArray[np.float32]:
    """Logits of the model in evaluation mode.

    Args:
        change: what becomes of each batch before the model sees it.

    Shape:
        rows: (n,) ascending; output: (n, classes) in the order of `rows`

    Raises:
        ValueError: the model has no finite answer, with the utterances it fails on.
    """
    model.eval()
    logits = []
    order = []
    batches = scoring_rows(features, rows, batch_size)[rank() :: world_size()]
    for batch in feed(features, batches, normalise, device):
        with autocast(device, precision):
            logits.append(model(change(batch)).logits.float())
        order.append(batch.row)
    parts = exchange((order, [answer.cpu() for answer in logits]))  # of all processes
    back = torch.cat([row for shown, _ in parts for row in shown]).argsort()
    every = torch.cat([answer for _, given in parts for answer in given])
    answers: NDArray[np.float32] = every[back].numpy()
    bad = rows[~np.isfinite(answers).all(axis=1)]
    if len(bad) > 0:
        names = [features.cache.utt_ids[row] for row in bad]
        raise ValueError(
            f"the model's answers to {len(bad)} of {len(rows)} utterances are not finite; look at "
            f"their features, or train with a lower training.optimiser.lr: {names}"
        )
    return answers

"""Momentum contrast (He et al. 2020) that knows labels: a slow copy of the network and a queue."""

import copy

import torch
from torch import Tensor, nn

from training.batch import Batch
from training.device import autocast
from training.distributed import gather, unwrap
from training.losses import Empty, supervised_contrastive
from training.train_settings import Moco, Precision


class MomentumContrast(nn.Module):
    """The contrastive loss against the keys of this batch and of earlier ones, on its device.

    The key encoder is a copy of the network up to its contrastive features. It gets no gradient but
    follows the weights; its batch norms keep statistics of their own. It stays in training mode.
    The queue begins empty, and a place that is empty takes no part. Where it holds more keys than
    there are training utterances, it holds older keys of the anchors themselves: they stay.

    Shape:
        feat: (queue, k); label: (queue,) int64, -1 where empty; ptr: () the next place
    """

    feat: Tensor
    label: Tensor
    ptr: Tensor

    def __init__(self, model: nn.Module, width: int, settings: Moco, precision: Precision) -> None:
        super().__init__()
        self.momentum, self.precision = settings.momentum, precision
        self.encoder = copy.deepcopy(model).requires_grad_(False).train()
        for head, instead in (("predictor", nn.Identity()), ("audio_head", None)):
            setattr(self.encoder, head, instead)
        self.register_buffer("feat", torch.zeros(settings.queue, width))
        self.register_buffer("label", torch.full((settings.queue,), -1))
        self.register_buffer("ptr", torch.tensor(0))
        # Also where nothing moves: cuDNN wants an LSTM's weights in one block, which copying breaks
        # up and `to` restores.
        self.to(next(model.parameters()).device)

    def forward(
        self, model: nn.Module, batch: Batch, z: Tensor, temperature: float, empty: Empty
    ) -> Tensor:
        """The loss of features z, of one or several passes over the batch; then its keys are kept.

        Shape:
            z: (passes B, k) rows of unit length, of the joint batch; output: scalar
        """
        self.follow(model)
        with torch.no_grad(), autocast(z.device, self.precision):
            keys = gather(self.encoder(batch).z.float(), batch.joint)
        own = gather(batch.label, batch.joint)
        contrasts = (torch.cat([keys, self.feat]), torch.cat([own, self.label]))
        labels = own.repeat(len(z) // len(keys))
        loss = supervised_contrastive(z, labels, temperature, empty, contrasts)
        self.enqueue(keys, own)
        return loss

    @torch.no_grad()
    def follow(self, model: nn.Module) -> None:
        """One step of each weight towards the network's; buffers stay as they are."""
        weights = dict(unwrap(model).named_parameters())
        for name, slow in self.encoder.named_parameters():
            slow.lerp_(weights[name], 1 - self.momentum)

    @torch.no_grad()
    def enqueue(self, keys: Tensor, labels: Tensor) -> None:
        """Put (B, k) keys with (B,) labels, B no more than the queue, in place of the oldest."""
        size = len(self.label)
        assert len(keys) <= size, "settings refuse a batch larger than the queue"
        place = (self.ptr + torch.arange(len(keys), device=keys.device)) % size
        self.feat[place], self.label[place] = keys, labels
        self.ptr.add_(len(keys)).remainder_(size)

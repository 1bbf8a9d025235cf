"""The networks, by the name settings give them."""

from collections.abc import Collection

from torch import nn

from training.models.vcemo import InputSizes, Vcemo
from training.settings import Modality, ModelSettings


def build_model(
    model: ModelSettings, sizes: InputSizes, modalities: Collection[Modality], n_classes: int
) -> nn.Module:
    """An untrained network; its weights come from torch's global generator."""
    assert model.name == "vcemo", model.name
    return Vcemo(model, sizes, modalities, n_classes)

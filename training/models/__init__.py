"""The networks, by the name settings give them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor, nn

from training.model_settings import ModelSettings, VcemoSettings
from training.models.cme import Cme
from training.models.inputs import WordInput
from training.models.interface import InputSizes
from training.models.umons import Umons
from training.models.vcemo import Vcemo
from training.models.xu import Xu
from training.models.xu_delta import XuDelta
from training.models.yoon_mdre import YoonMdre, YoonMdrea
from training.models.yoon_mha import YoonMha
from training.settings import Modality

# Each is made from its own class of settings, the input sizes and the number of outputs.
BASELINES: Mapping[str, Callable[[Any, InputSizes, int], nn.Module]] = {
    "umons": Umons,
    "xu": Xu,
    "xu_delta": XuDelta,
    "yoon_mha": YoonMha,
    "yoon_mdre": YoonMdre,
    "yoon_mdrea": YoonMdrea,
    "cme": Cme,
}


def build_model(
    model: ModelSettings, sizes: InputSizes, modalities: Collection[Modality], n_outputs: int
) -> nn.Module:
    """An untrained network; its weights come from torch's global generator."""
    if isinstance(model, VcemoSettings):
        return Vcemo(model, sizes, modalities, n_outputs)
    return BASELINES[model.name](model, sizes, n_outputs)


def start_words(network: nn.Module, vectors: Tensor) -> None:
    """Let a trained embedding of words begin as their vectors (vocabulary, word_dim)."""
    for module in network.modules():
        if isinstance(module, WordInput):
            module.start(vectors)

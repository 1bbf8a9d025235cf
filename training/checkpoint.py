"""A trained fold on disk: everything needed to predict without the store or the cache."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.cache import TensorCache
from training.model_settings import ModelSettings
from training.models import build_model
from training.models.interface import InputSizes
from training.normalise import ONE_GROUP, Normalisation, fit_normalisation
from training.settings import Modality, RunSettings
from training.strict import read_one_of
from training.vocabulary import Vocabulary

FORMAT = 3
MODEL = "model.safetensors"
RECORD = "fold.json"
_AGAIN = "remove its folder and train again"


@dataclass(frozen=True)
class TrainedFold:
    """A model in evaluation mode with what its inputs must go through.

    `record` is the whole of fold.json: settings, classes, feature parameters, normalisation, best
    epoch. `normalise` holds the statistics of the training part; it is None for a model without
    audio, and for one that takes each speaker by their own.
    """

    model: nn.Module
    normalise: Normalisation | None
    record: Mapping[str, Any]


# Training settings that mean nothing without audio.
HEARD = ("normalisation", "views", "view_probability", "view_pairs", "spec_augment")
# What a modality's tensors depend on: sizes in meta.json, and sections of its feature parameters.
SIZES = {"audio": ("n_mels", "mel_max_frames"), "words": ("word_dim",), "bert": ("bert_dim",)}
FEATURES = {"audio": ("audio", "augment", "mel"), "words": ("words",), "bert": ("bert",)}


def describe_fold(run: RunSettings, cache: TensorCache, fold: int, network: int) -> dict[str, Any]:
    """What a fold is trained from, as JSON values.

    The run's name, its other networks and the order of its modalities do not matter, nor does
    anything that it does not read: sizes of absent inputs are 0, a run without text has no source,
    one without audio no views.
    """
    settings = asdict(run)
    del settings["name"], settings["seeds"], settings["training"]["members"]
    settings["modalities"] = [m for m in get_args(Modality) if m in run.modalities]
    if not {"words", "bert"} & set(run.modalities):
        del settings["source"]
    if "audio" not in run.modalities:
        for name in HEARD:
            del settings["training"][name]
    rated = {"dimensions": cache.dimensions, "scales": cache.meta["scales"]}
    if run.training.regression is None:
        rated = {}
        del settings["training"]["regression"]
    sizes = {name: m in run.modalities for m, names in SIZES.items() for name in names}
    features = {name for modality in run.modalities for name in FEATURES[modality]}
    return {
        "format": FORMAT,
        "fold": fold,
        "network": network,
        **settings,
        "classes": cache.classes,
        **rated,
        "inputs": {name: cache.meta[name] if read else 0 for name, read in sizes.items()},
        "features": {k: v for k, v in cache.meta["features"].items() if k in features}
        | _text_source(run, cache.meta["features"]),
    }


def save_fold(
    folder: Path,
    state: Mapping[str, Tensor],
    normalise: Normalisation | None,
    record: Mapping[str, Any],
) -> None:
    """Write the weights and the record into an existing folder."""
    save_file(dict(state), folder / MODEL)
    scaling = None
    if normalise is not None and record["training"]["normalisation"] == "train":
        scaling = {"mean": normalise.mean[0].tolist(), "std": normalise.std[0].tolist()}
    text = json.dumps({**record, "normalisation": scaling}, indent=1, ensure_ascii=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8", newline="")


def load_fold(folder: Path, device: torch.device | str = "cpu") -> TrainedFold:
    """A trained fold, ready to predict.

    Raises:
        ValueError: the folder is missing, incomplete, damaged or of another format.
    """
    path = folder / RECORD
    if not path.is_file():
        raise ValueError(f"{path} is missing: train the run first")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): {_AGAIN}") from error
    if record.get("format") != FORMAT:
        found = record.get("format")
        raise ValueError(f"{path} has format {found!r}, this version reads {FORMAT}: train again")
    model = untrained_model(record)
    try:
        model.load_state_dict(load_file(folder / MODEL))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{folder / MODEL} cannot be read ({error}): {_AGAIN}") from error
    return TrainedFold(model.to(device).eval(), _scaling(record["normalisation"]), record)


def normalisation_on(fold: TrainedFold, cache: TensorCache) -> Normalisation | None:
    """What the spectrograms of a cache go through before this model sees them."""
    if fold.record["training"].get("normalisation") == "speaker":
        return fit_normalisation(cache, np.arange(0), "speaker")
    return fold.normalise


def untrained_model(record: Mapping[str, Any]) -> nn.Module:
    """The network that a record describes, with new weights."""
    settings = read_one_of(ModelSettings, record["model"], "model")
    widths = {k: v for k, v in record["inputs"].items() if k != "mel_max_frames"}
    vocabulary = vocabulary_of(record)
    sizes = InputSizes(**widths, vocabulary=0 if vocabulary is None else len(vocabulary))
    regression = record["training"].get("regression")
    no_classes = regression is not None and regression["weight"] is None
    outputs = (0 if no_classes else len(record["classes"])) + len(record.get("dimensions", ()))
    return build_model(settings, sizes, record["modalities"], outputs)


def vocabulary_of(record: Mapping[str, Any]) -> Vocabulary | None:
    """The words that a trained fold knows by number, if its model does."""
    words = record.get("vocabulary")
    return None if words is None else Vocabulary(tuple((lang, form) for lang, form in words))


def _text_source(run: RunSettings, features: Mapping[str, Any]) -> dict[str, Any]:
    """How the transcripts came about that a run reads, if it reads any and the cache knows."""
    reads_text = bool({"words", "bert"} & set(run.modalities))
    sources = {k: v for k, v in features.get("sources", {}).items() if k == run.source}
    return {"sources": sources} if reads_text and sources else {}


def _scaling(values: Mapping[str, list[float]] | None) -> Normalisation | None:
    if values is None:
        return None
    mean, std = (torch.tensor([values[name]]) for name in ("mean", "std"))
    return Normalisation(mean, std, ONE_GROUP)

"""The settings of a run: what is trained, on which data, how. Imports no torch."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from training.model_settings import ModelSettings, VcemoSettings
from training.strict import read_strictly
from training.strict import require as _require

Modality = Literal["audio", "words", "bert"]
View = Literal["noise", "pitch", "stretch"]


@dataclass(frozen=True)
class TrainSettings:
    """Optimisation: Adam with L2 weight decay, cross-entropy and supervised contrastive loss."""

    epochs: int
    batch_size: int  # at least 2, batch norm and the contrastive loss need neighbours
    lr: float
    weight_decay: float
    alpha: float  # weight of the contrastive loss: (CE + alpha SC) / (1 + alpha)
    temperature: float  # of the contrastive loss
    supcon_empty: Literal["skip", "zero"]  # anchors without a positive: left out, or counted as 0
    grad_clip: float  # largest norm of the whole gradient
    views: tuple[View, ...]  # augmented views that training may draw instead of the original
    view_probability: float  # that an utterance shows one of them in an epoch
    double_view: bool  # each batch twice through the network, under two dropout masks
    patience: int | None  # epochs without a better validation score before stopping, null = never

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "training.epochs", self.epochs, "at least 1")
        _require(self.batch_size >= 2, "training.batch_size", self.batch_size, "at least 2")
        for name in ("lr", "temperature", "grad_clip"):
            value = getattr(self, name)
            _require(0 < value < math.inf, f"training.{name}", value, "above 0 and finite")
        for name in ("weight_decay", "alpha"):
            value = getattr(self, name)
            _require(0 <= value < math.inf, f"training.{name}", value, "0 or more and finite")
        share = self.view_probability
        _require(0 <= share <= 1, "training.view_probability", share, "0..1")
        if share > 0 and not self.views:
            raise ValueError(
                f"training.views is empty but view_probability is {share}: name a view or use 0"
            )
        _require_distinct("training.views", self.views)
        patient = self.patience is None or self.patience >= 1
        _require(patient, "training.patience", self.patience, "at least 1, or null")


@dataclass(frozen=True)
class RunSettings:
    """One run: a model of some modalities, trained on every fold of a split with every seed."""

    name: str
    task: str
    split: str
    source: str  # text source of the words and BERT vectors
    modalities: tuple[Modality, ...]
    seeds: tuple[int, ...]
    model: ModelSettings
    training: TrainSettings

    def __post_init__(self) -> None:
        for name in ("modalities", "seeds"):
            _require(len(getattr(self, name)) > 0, name, (), "at least one")
            _require_distinct(name, getattr(self, name))
        unknown = [m for m in self.modalities if m not in get_args(Modality)]
        _require(not unknown, "modalities", unknown, f"some of {get_args(Modality)}")
        _require(min(self.seeds) >= 0, "seeds", self.seeds, "0 or more")
        if not isinstance(self.model, VcemoSettings):
            _check_baseline(self)


def files_of(run: RunSettings) -> dict[str, str]:
    """The files of the cache (without suffix) that a run reads, by modality; `align` is CME's."""
    states = isinstance(run.model, VcemoSettings) and run.model.bert == "tokens"
    names = {
        "audio": "mel",
        "words": f"words-{run.source}",
        "bert": f"bert_tokens-{run.source}" if states else f"bert-{run.source}",
    }
    found = {modality: names[modality] for modality in run.modalities}
    return found | ({"align": f"align-{run.source}"} if run.model.name == "cme" else {})


def from_json(text: str) -> RunSettings:
    """The run that a JSON text describes.

    Raises:
        ValueError: an unknown, missing, mistyped or impossible setting, named with its place.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"the run file is not JSON: {error}") from error
    return read_strictly(RunSettings, value, "run")


def to_json(run: RunSettings) -> str:
    """The run as JSON that `from_json` reads back."""
    return json.dumps(asdict(run), indent=2) + "\n"


def read_run(path: Path) -> RunSettings:
    """The run of a JSON file; a `ValueError` names the file."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_baseline(run: RunSettings) -> None:
    """A baseline has two fixed inputs and no contrastive features."""
    at = f"as the model {run.model.name!r} "
    fits = set(run.modalities) == {"audio", "words"}
    _require(fits, "modalities", list(run.modalities), f"audio and words, {at}has no others")
    alpha = run.training.alpha
    _require(alpha == 0, "training.alpha", alpha, f"0, {at}has no contrastive features")


def _require_distinct(name: str, values: tuple[object, ...]) -> None:
    if len(set(values)) < len(values):
        raise ValueError(f"{name} names something twice: {list(values)}")

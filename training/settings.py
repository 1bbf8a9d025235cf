"""The settings of a run: what is trained, on which data, how. Imports no torch."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from training.model_settings import ModelSettings, VcemoSettings, reads_word_ids
from training.strict import read_strictly, require, require_distinct
from training.train_settings import TrainSettings

Modality = Literal["audio", "words", "bert"]


@dataclass(frozen=True)
class RunSettings:
    """One run: a model of some modalities, trained on every fold of a split with every seed.

    For each of them `training.members` networks answer together.
    """

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
            require(len(getattr(self, name)) > 0, name, (), "at least one")
            require_distinct(name, getattr(self, name))
        unknown = [m for m in self.modalities if m not in get_args(Modality)]
        require(not unknown, "modalities", unknown, f"some of {get_args(Modality)}")
        require(min(self.seeds) >= 0, "seeds", self.seeds, "0 or more")
        if not isinstance(self.model, VcemoSettings):
            _check_baseline(self)


def networks_of(run: RunSettings) -> tuple[int, ...]:
    """The seeds of the networks that each fold trains, `members` of them for each of the run's.

    With three members seed 0 is answered for by networks 0, 1, 2, and seed 1 by 3, 4, 5.
    """
    members = run.training.members
    return tuple(seed * members + member for seed in run.seeds for member in range(members))


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
    """A baseline has two fixed inputs, no contrastive features, and its words may be numbers."""
    at = f"as the model {run.model.name!r} "
    fits = set(run.modalities) == {"audio", "words"}
    require(fits, "modalities", list(run.modalities), f"audio and words, {at}has no others")
    contrast = run.training.contrast
    fits = contrast is None
    require(fits, "training.contrast", contrast, f"null, {at}has no contrastive features")
    mixup = run.training.mixup
    fits = mixup == 0 or not reads_word_ids(run.model)
    require(fits, "training.mixup", mixup, f"0, {at}knows words by number, which cannot be mixed")

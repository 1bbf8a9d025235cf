"""The sections of params.yaml.

They are the frozen dataclasses that stand beside the code they steer, and the small ones that steer
no code of their own; this module only joins them.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Discriminator

from features.audio import AudioParams
from features.augment import AugmentParams
from features.bert import BertParams
from features.mel import MelParams
from features.whisper.params import WhisperParams
from features.words import WordsParams
from pipeline.corpora import CorpusParams
from pipeline.manifest import ManifestParams
from pipeline.packing.params import TaskParams
from pipeline.reporting.paper_figures import PaperParams
from pipeline.robustness.params import RobustnessParams
from pipeline.splits import SplitParams
from training.model_settings import ModelSettings
from training.settings import Modality, RunSettings
from training.train_settings import TrainSettings

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")  # becomes a folder, and part of a key for DVC
REFERENCE = "reference"  # the text source that is the corpus's own transcripts


class ParamsError(ValueError):
    """params.yaml does not say what it must."""


@dataclass(frozen=True)
class DemoParams:
    """A part of the embedded demo; an empty section `demo` switches all of it off."""

    path: str  # where the generator puts it


@dataclass(frozen=True)
class AsrParams:
    """Text sources beside `reference`, the corpus's own transcripts."""

    sources: dict[str, WhisperParams]


@dataclass(frozen=True)
class TargetRows:
    """The most rows a shard may hold: large for fewer files, small to lose less in a crash."""

    transcripts: int
    asr_scores: int
    views: int
    mel: int
    words: int
    bert: int

    def __post_init__(self) -> None:
        """Check that a shard may hold something."""
        for feature, rows in vars(self).items():
            if rows < 1:
                raise ValueError(f"target_rows.{feature} is {rows}, expected at least 1")


@dataclass(frozen=True)
class StoreParams:
    """How the store is cut into shards."""

    target_rows: TargetRows


@dataclass(frozen=True)
class RunParams:
    """A model to train: what it sees, its size, how it is trained."""

    task: str
    split: str
    source: str  # text source
    modalities: tuple[Modality, ...]
    size: str  # a name of `sizes`
    preset: str  # a name of `presets`
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Bounds:
    """What a run's pooled metrics must lie between; null for no bound."""

    ua_min: float | None = None
    ua_max: float | None = None


@dataclass(frozen=True)
class ReportParams:
    """The report."""

    notes: tuple[str, ...]  # said at its head
    expect: dict[str, Bounds]  # run -> bounds; the stage fails when they are not met
    paper: PaperParams | None = None  # runs beside the tables of the VCEMO paper


@dataclass(frozen=True)
class Params:
    """All of params.yaml."""

    demo: dict[str, DemoParams]
    corpora: dict[str, CorpusParams]
    audio: AudioParams
    manifest: ManifestParams
    asr: AsrParams
    augment: AugmentParams
    mel: MelParams
    words: WordsParams
    bert: BertParams
    store: StoreParams
    splits: dict[str, SplitParams]
    tasks: dict[str, TaskParams]
    sizes: dict[str, Annotated[ModelSettings, Discriminator("name")]]
    presets: dict[str, TrainSettings]
    runs: dict[str, RunParams]
    robustness: dict[str, RobustnessParams]  # run -> what it is tried under
    report: ReportParams


def run_settings(params: Params, name: str) -> RunSettings:
    """A run with its size and preset filled in, as the training stage wants it.

    Raises:
        ParamsError: there is no such run.
    """
    if name not in params.runs:
        raise ParamsError(f"runs: {name!r} is not there; found {', '.join(params.runs) or 'none'}")
    run = params.runs[name]
    return RunSettings(
        name=name,
        task=run.task,
        split=run.split,
        source=run.source,
        modalities=run.modalities,
        seeds=run.seeds,
        model=params.sizes[run.size],
        training=params.presets[run.preset],
    )

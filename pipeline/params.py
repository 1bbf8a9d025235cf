"""params.yaml, read strictly and in one place.

The sections are the frozen dataclasses that stand beside the code they steer; this module only
joins them. An unknown, missing or mistyped key stops the run and names the fix.
"""

import dataclasses
import json
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from features.audio import AudioParams
from features.augment import AugmentParams
from features.bert import BertParams
from features.mel import MelParams
from features.whisper.params import WhisperParams
from features.words import WordsParams
from pipeline import layout
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


def load(path: Path = layout.PARAMS) -> Params:
    """Read and check a params file.

    Raises:
        ParamsError: it is missing, is no YAML, or a key is unknown, missing or mistyped.
    """
    if not path.exists():
        raise ParamsError(f"{path}: not here; run in the project root, or `vcemo profile use demo`")
    try:
        plain = YAML(typ="safe").load(path)  # YAML 1.2: 3e-4 is a number, no is Norwegian
    except YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {error}") from error
    return read(plain, str(path))


def read(plain: Any, where: str) -> Params:
    """Check params given as plain mappings and lists; `where` names them in errors.

    Raises:
        ParamsError: see `load`.
    """
    faults = [f"{where}: {fault}" for fault in _unknown_keys(Params, plain, "")]
    try:
        text = json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        hint = "dates need quotes, and .nan and .inf are no parameters"
        raise ParamsError(f"{where}: {error}; {hint}") from None
    try:
        params = _ADAPTER.validate_json(text, strict=True)
    except ValidationError as error:
        faults += [_explain(e, where) for e in error.errors()]
    if faults:
        raise ParamsError("\n".join(faults))
    _check_names(params, where)
    _check_references(params, where)
    return params


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


def _check_names(params: Params, where: str) -> None:
    named = {
        s: getattr(params, s) for s in ("corpora", "splits", "tasks", "sizes", "presets", "runs")
    }
    for section, entries in {**named, "asr.sources": params.asr.sources}.items():
        for name in entries:
            if not NAME.fullmatch(name):
                raise ParamsError(
                    f"{where}: {section}: found the name {name!r}, expected letters, digits, "
                    "'_' and '-' (it becomes a file name, and a key for DVC)"
                )
    if REFERENCE in params.asr.sources:
        raise ParamsError(
            f"{where}: asr.sources: {REFERENCE!r} always stands for the corpus's own transcripts; "
            "give the ASR setting another name"
        )


def _check_references(params: Params, where: str) -> None:
    sources = (REFERENCE, *params.asr.sources)
    for name, task in params.tasks.items():
        for source in task.sources:
            _require_known(f"{where}: tasks.{name}.sources", source, sources)
    for name, run in params.runs.items():
        at = f"{where}: runs.{name}"
        _require_known(f"{at}.task", run.task, params.tasks)
        _require_known(f"{at}.split", run.split, params.splits)
        _require_known(f"{at}.size", run.size, params.sizes)
        _require_known(f"{at}.preset", run.preset, params.presets)
        reads_text = bool(set(run.modalities) & {"words", "bert"})
        known = params.tasks[run.task].sources if reads_text else sources
        _require_known(f"{at}.source", run.source, known)
        try:
            run_settings(params, name)
        except ValueError as error:
            raise ParamsError(f"{at}: {error}") from error
    for name, grids in params.robustness.items():
        _require_known(f"{where}: robustness", name, params.runs)
        for source in grids.sources:
            known = params.tasks[params.runs[name].task].sources
            _require_known(f"{where}: robustness.{name}.sources", source, known)
    for name in params.report.expect:
        _require_known(f"{where}: report.expect", name, params.runs)
    for name in params.report.paper.runs if params.report.paper else ():
        _require_known(f"{where}: report.paper", name, params.runs)
    _check_dimensions(params, where)


def _check_dimensions(params: Params, where: str) -> None:
    """What is asked of a run must be of what it learns."""
    paper = params.report.paper.runs if params.report.paper else ()
    for name, run in params.runs.items():
        regression = params.presets[run.preset].regression
        if regression is not None and not params.tasks[run.task].dimensions:
            raise ParamsError(
                f"{where}: runs.{name}: its preset {run.preset!r} learns dimensions, and its task "
                f"{run.task!r} has none; name them under tasks.{run.task}.dimensions"
            )
        if regression is None or regression.weight is not None:
            continue
        for section, names in (
            ("robustness", params.robustness),
            ("report.expect", params.report.expect),
            ("report.paper", paper),
        ):
            if name in names:
                raise ParamsError(
                    f"{where}: {section}: run {name!r} learns no classes, since its preset "
                    f"{run.preset!r} has `regression: {{weight: null}}`; take it out"
                )


def _require_known(where: str, found: str, known: Iterable[str]) -> None:
    if found not in known:
        raise ParamsError(f"{where}: found {found!r}, expected one of: {', '.join(known)}")


def _explain(error: ErrorDetails, where: str) -> str:
    """One line for one fault: where, what was found, what was expected, what to do."""
    loc = error["loc"]
    if loc[:1] == ("sizes",) and len(loc) > 2:
        loc = (*loc[:2], *loc[3:])  # without the model's name, by which pydantic tells sizes apart
    at = ".".join(str(part) for part in loc) or "the file"
    told = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"{where}: {at}: missing; add it (profiles/demo.yaml shows a whole file)"
        case "value_error":  # of ours, which says what was found
            return f"{where}: {at}: {told['error']}"
        case "union_tag_invalid":
            known = told["expected_tags"]
            return f"{where}: {at}.name: found {told['tag']!r}, expected one of: {known}"
        case "union_tag_not_found":
            return f"{where}: {at}.name: missing; it says which model the size is of"
    return f"{where}: {at}: found {error['input']!r}; {error['msg']}"


def _unknown_keys(kind: Any, value: Any, at: str) -> Iterator[str]:
    """A line for each key that the dataclass it stands in does not have, at any depth."""
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        known = typing.get_type_hints(kind)
        for key, inner in value.items():
            if key in known:
                yield from _unknown_keys(known[key], inner, f"{at}{key}.")
            else:
                near = get_close_matches(str(key), known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
                yield f"{at}{key}: unknown key; {hint}"
    elif typing.get_origin(kind) in (dict, Mapping) and isinstance(value, dict):
        for key, inner in value.items():
            yield from _unknown_keys(typing.get_args(kind)[1], inner, f"{at}{key}.")
    else:
        for choice in _choices(kind, value):
            yield from _unknown_keys(choice, value, at)


def _choices(kind: Any, value: Any) -> Iterator[Any]:
    """The dataclass of X | None, or the one of several that the value's `name` chooses."""
    choices = [c for c in typing.get_args(kind) if dataclasses.is_dataclass(c)]
    name = value.get("name") if isinstance(value, dict) else None
    for choice in choices:
        named = typing.get_args(typing.get_type_hints(choice).get("name"))
        if len(choices) == 1 or name in named:
            yield choice


_ADAPTER = TypeAdapter(Params)

"""lhotse manifests: recordings and supervisions, or cuts, as JSON lines or JSON, gzipped or not.

The formats are plain JSON, so the package lhotse is not needed. The emotion is looked for in a
supervision's `custom` under `emotion`, `emo` or `label`, or under the key that --label names.
Manifests of features are passed over.
"""

import gzip
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from pipeline.imports.items import ImportingError, Item, Options, language, wrong
from pipeline.imports.writing import common_names

SUFFIXES = (".jsonl.gz", ".jsonl", ".json.gz", ".json")
LABELS = ("emotion", "emo", "label")
DIMENSIONS = ("arousal", "valence", "dominance")
WHOLE_S = 0.02  # a supervision that differs from its recording by no more is all of it

log = logging.getLogger(__name__)


def _three(item: Any) -> Any:
    """A word of an alignment without its score, which old versions do not write."""
    return item[:3] if isinstance(item, list) else item


AlignedWord = Annotated[tuple[str, float, float], BeforeValidator(_three)]  # word, start, duration


@dataclass(frozen=True)
class Source:
    """Where the audio of a recording is."""

    type: str
    source: str


@dataclass(frozen=True)
class Recording:
    """What is read of lhotse's `Recording`."""

    id: str
    sources: list[Source]
    duration: float


@dataclass(frozen=True)
class Supervision:
    """What is read of lhotse's `SupervisionSegment`; times in seconds."""

    __pydantic_config__: ClassVar = ConfigDict(coerce_numbers_to_str=True)  # speaker 7

    id: str
    recording_id: str
    duration: float
    start: float = 0.0
    text: str | None = None
    language: str | None = None
    speaker: str | None = None
    gender: str | None = None
    custom: dict[str, Any] | None = None
    alignment: dict[str, list[AlignedWord]] | None = None


@dataclass(frozen=True)
class Cut:
    """What is read of lhotse's `MonoCut`; its supervisions begin where it does."""

    recording: Recording
    supervisions: list[Supervision]
    start: float = 0.0


Model = TypeVar("Model")
RECORDING, SUPERVISION, CUT = TypeAdapter(Recording), TypeAdapter(Supervision), TypeAdapter(Cut)


def items(source: Path, options: Options) -> Iterator[Item]:
    """Yield the supervised segments of a folder of manifests, in their order.

    Raises:
        ImportingError: a manifest is missing, damaged, or names audio that is not in files.
    """
    recordings, supervisions = _manifests(source)
    paths = {
        name: _audio(source, recording, options.audio) for name, recording in recordings.items()
    }
    names = common_names(paths.values())
    silent = recordings.keys() - {s.recording_id for s in supervisions}
    if silent:
        log.warning("%d recordings without supervision are left out", len(silent))
    for supervision in supervisions:
        recording = recordings.get(supervision.recording_id)
        if recording is None:
            raise ImportingError(
                f"{source}: supervision {supervision.id!r} is of the recording "
                f"{supervision.recording_id!r}, which no manifest of recordings has"
            )
        path = paths[recording.id]
        yield Item(names[path], path, _row(supervision, recording, options.label))


def _row(supervision: Supervision, recording: Recording, label: str | None) -> dict[str, Any]:
    custom = supervision.custom or {}
    start, length = supervision.start, supervision.duration
    whole = start < WHOLE_S and abs(length - recording.duration) < WHOLE_S
    words = (supervision.alignment or {}).get("word") or []
    return {
        "start_s": None if whole else start,
        "end_s": None if whole else round(start + length, 6),
        "stated_duration_s": length if whole else None,  # a segment's is but end - start
        "speaker": supervision.speaker,
        "gender": supervision.gender,
        "language": language(supervision.language),
        "transcript": supervision.text or None,
        "words": [[word, at - start, at - start + long] for word, at, long in words] or None,
        "raw_label": next((custom[k] for k in ([label] if label else LABELS) if k in custom), None),
        **{name: custom.get(name) for name in DIMENSIONS},
        "split": custom.get("split"),
    }


def _manifests(source: Path) -> tuple[dict[str, Recording], list[Supervision]]:
    recordings: dict[str, Recording] = {}
    supervisions: list[Supervision] = []
    strange = 0
    files = [source] if source.is_file() else sorted(source.iterdir()) if source.is_dir() else []
    files = [path for path in files if path.name.endswith(SUFFIXES)]
    for path in files:
        for line, entry in _entries(path):
            if "supervisions" in entry:
                cut = _checked(CUT, path, line, entry)
                recordings[cut.recording.id] = cut.recording
                supervisions += [replace(s, start=cut.start + s.start) for s in cut.supervisions]
            elif "sources" in entry:
                recording = _checked(RECORDING, path, line, entry)
                recordings[recording.id] = recording
            elif "recording_id" in entry and "num_features" not in entry:
                supervisions.append(_checked(SUPERVISION, path, line, entry))
            else:
                strange += 1
    if strange:
        log.warning("%s: passed over %d entries: features, or cuts that are mixed", source, strange)
    if not (recordings and supervisions):
        raise ImportingError(
            f"{source}: found {len(recordings)} recordings and {len(supervisions)} supervisions "
            f"in {len(files)} files, expected both (or cuts), in {', '.join(SUFFIXES)}"
        )
    return recordings, supervisions


def _entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            if ".jsonl" in path.name:
                found = [(n, json.loads(t)) for n, t in enumerate(file, start=1) if t.strip()]
            else:
                found = list(enumerate(json.load(file), start=1))
    except (ValueError, OSError, EOFError, TypeError) as error:
        raise wrong(path, None, f"{error}; expected a lhotse manifest: write it again") from error
    for line, entry in found:
        if not isinstance(entry, dict):
            raise wrong(path, line, f"found {str(entry)[:40]!r}, expected a JSON object")
        yield line, entry


def _checked(model: TypeAdapter[Model], path: Path, line: int, entry: dict[str, Any]) -> Model:
    """An entry as its model.

    Raises:
        ImportingError: it is not; names the first field that is wrong.
    """
    try:
        return model.validate_python(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise wrong(
            path, line, f"{place}: {first['msg']}; expected what lhotse writes: write it again"
        ) from error


def _audio(source: Path, recording: Recording, folder: Path | None) -> Path:
    kinds = [(s.type, s.source) for s in recording.sources]
    if len(kinds) != 1 or kinds[0][0] != "file":
        raise ImportingError(
            f"{source}: recording {recording.id!r} has the sources {kinds!r:.80}, expected one "
            "of type 'file'; write its audio to a file first"
        )
    place = kinds[0][1]
    home = source if source.is_dir() else source.parent
    if folder:
        return folder / place
    return home / place if (home / place).exists() else Path(place)

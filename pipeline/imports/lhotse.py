"""lhotse manifests: recordings and supervisions as JSON lines (or JSON), packed by gzip or not.

The formats are plain JSON, so the package lhotse is not needed. The emotion is looked for in a
supervision's `custom` under `emotion`, `emo` or `label`, or under the key that --label names.
"""

import gzip
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.imports.items import ImportingError, Item, Options, language, wrong
from pipeline.imports.writing import common_names

SUFFIXES = (".jsonl.gz", ".jsonl", ".json.gz", ".json")
LABELS = ("emotion", "emo", "label")
DIMENSIONS = ("arousal", "valence", "dominance")
WHOLE_S = 0.02  # a supervision that differs from its recording by no more is all of it

Entry = dict[str, Any]

log = logging.getLogger(__name__)


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
    silent = recordings.keys() - {s["recording_id"] for s in supervisions}
    if silent:
        log.warning("%d recordings without supervision are left out", len(silent))
    for supervision in supervisions:
        recording = recordings.get(supervision["recording_id"])
        if recording is None:
            raise ImportingError(
                f"{source}: supervision {supervision['id']!r} is of the recording "
                f"{supervision['recording_id']!r}, which no manifest of recordings has"
            )
        path = paths[recording["id"]]
        yield Item(names[path], path, _row(supervision, recording, options.label))


def _row(supervision: Entry, recording: Entry, label: str | None) -> Entry:
    custom = supervision.get("custom") or {}
    start, length = float(supervision.get("start", 0)), float(supervision["duration"])
    whole = start < WHOLE_S and abs(length - float(recording["duration"])) < WHOLE_S
    words = (supervision.get("alignment") or {}).get("word") or []
    return {
        "start_s": None if whole else start,
        "end_s": None if whole else round(start + length, 6),
        "stated_duration_s": length if whole else None,  # a segment's is but end - start
        "speaker": supervision.get("speaker"),
        "gender": supervision.get("gender"),
        "language": language(supervision.get("language")),
        "transcript": supervision.get("text") or None,
        "words": [[word, at - start, at - start + long] for word, at, long, *_ in words] or None,
        "raw_label": next((custom[k] for k in ([label] if label else LABELS) if k in custom), None),
        **{name: custom.get(name) for name in DIMENSIONS},
        "split": custom.get("split"),
    }


def _manifests(source: Path) -> tuple[dict[str, Entry], list[Entry]]:
    recordings: dict[str, Entry] = {}
    supervisions: list[Entry] = []
    files = [source] if source.is_file() else sorted(source.iterdir()) if source.is_dir() else []
    files = [path for path in files if path.name.endswith(SUFFIXES)]
    for path in files:
        for line, entry in _entries(path):
            if "recording_id" in entry:
                supervisions.append(_with(path, line, entry, "id", "duration"))
            elif "sources" in entry:
                recordings[entry["id"]] = _with(path, line, entry, "id", "duration")
            elif "supervisions" in entry and "recording" in entry:  # a cut
                recordings[entry["recording"]["id"]] = entry["recording"]
                start = float(entry.get("start", 0))
                supervisions += [
                    {**s, "start": start + s["start"], "recording_id": entry["recording"]["id"]}
                    for s in entry["supervisions"]
                ]
    if not (recordings and supervisions):
        raise ImportingError(
            f"{source}: found {len(recordings)} recordings and {len(supervisions)} supervisions "
            f"in {len(files)} files, expected both (or cuts), in {', '.join(SUFFIXES)}"
        )
    return recordings, supervisions


def _entries(path: Path) -> Iterator[tuple[int, Entry]]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            if ".jsonl" in path.name:
                found = [(n, json.loads(t)) for n, t in enumerate(file, start=1) if t.strip()]
            else:
                found = list(enumerate(json.load(file), start=1))
    except (ValueError, OSError, EOFError) as error:
        raise wrong(path, None, f"{error}; expected a lhotse manifest: write it again") from error
    for line, entry in found:
        if not isinstance(entry, dict):
            raise wrong(path, line, f"found {str(entry)[:40]!r}, expected a JSON object")
        yield line, entry


def _with(path: Path, line: int, entry: Entry, *keys: str) -> Entry:
    if lacking := [key for key in keys if key not in entry]:
        raise wrong(path, line, f"found no {' and no '.join(lacking)}, expected it in each entry")
    return entry


def _audio(source: Path, recording: Entry, folder: Path | None) -> Path:
    kinds = [(s.get("type"), s.get("source")) for s in recording["sources"]]
    if len(kinds) != 1 or kinds[0][0] != "file":
        raise ImportingError(
            f"{source}: recording {recording['id']!r} has the sources {kinds!r:.80}, expected one "
            "of type 'file'; write its audio to a file first"
        )
    place = str(kinds[0][1])
    home = source if source.is_dir() else source.parent
    if folder:
        return folder / place
    return home / place if (home / place).exists() else Path(place)

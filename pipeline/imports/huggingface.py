"""Hugging Face datasets with an Audio column: saved to disk, or on the hub.

A folder of audio with metadata.csv needs none of this: the reader `table` reads it as it is.

Columns with the names that the reader `table` understands are taken, others by --column.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.corpora.table import ALIASES
from pipeline.imports.items import ImportingError, Item, Options

PARTS = {"train": "train", "validation": "val", "valid": "val", "val": "val", "dev": "val"}
PREFERRED = {"raw_label": ("emotion", "label", "raw_label")}  # an export of ours has the last two
BEGINNINGS = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg"}  # else MP3

log = logging.getLogger(__name__)


def items(source: Path, options: Options) -> Iterator[Item]:
    """Yield the rows of a dataset, split by split.

    Raises:
        ImportingError: `datasets` is not installed, there is no such dataset, or it has no audio.
    """
    for part, dataset in _loaded(str(source)).items():
        audio = _audio_column(dataset, source)
        columns = _columns(dataset, options)
        names = {c: dataset.features[n].names for c, n in columns.items() if _is_class(dataset, n)}
        for number, values in enumerate(dataset):
            held = values[audio]
            row = {column: values[name] for column, name in columns.items()}
            row |= {c: labels[row[c]] for c, labels in names.items() if row[c] is not None}
            row.setdefault("split", "test" if part.startswith("test") else PARTS.get(part))
            yield Item(*_placed(held, f"{part}/{number:06d}"), row)


def _loaded(source: str) -> dict[str, Any]:
    """Split -> dataset, audio left as it is stored."""
    try:
        import datasets
    except ImportError as error:
        raise ImportingError("datasets need an extra: `pip install vcemo[datasets]`") from error
    place = Path(source)
    if any(place.glob("metadata.*")):
        raise ImportingError(
            f"{place}: a folder of audio with a table; bring it in by `vcemo corpus import table`"
        )
    saved = any((place / n).exists() for n in ("dataset_dict.json", "state.json"))
    try:
        found = datasets.load_from_disk(source) if saved else datasets.load_dataset(source)
    except Exception as error:  # whatever the parsers beneath it raise
        raise ImportingError(
            f"{source}: cannot be loaded ({type(error).__name__}: {error}); expected a folder that "
            "`save_to_disk` wrote, or, with a network, a name on the hub"
        ) from error
    parts = found if isinstance(found, dict) else {"all": found}
    bare = datasets.Audio(decode=False)
    return {
        str(part): dataset.cast_column(_audio_column(dataset, place), bare)
        for part, dataset in parts.items()
    }


def _audio_column(dataset: Any, source: Path) -> str:
    kinds = {name: type(feature).__name__ for name, feature in dataset.features.items()}
    found = [name for name, kind in kinds.items() if kind == "Audio"]
    if len(found) != 1:
        told = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        raise ImportingError(f"{source}: found the columns {told}, expected one of type Audio")
    return str(found[0])


def _columns(dataset: Any, options: Options) -> dict[str, str]:
    """Manifest column -> column of the dataset."""
    present = set(dataset.features)
    if strange := sorted(set(options.columns.values()) - present):
        raise ImportingError(f"--column: found {strange[0]!r}, expected one of {sorted(present)}")
    found = dict(options.columns)
    if options.label:
        found["raw_label"] = options.label
    folded = {name.casefold(): name for name in sorted(present - {"audio"})}
    for column, aliases in (ALIASES | PREFERRED).items():
        named = [folded[alias] for alias in aliases if alias in folded]
        free = [name for name in named if name not in found.values()]
        if column != "path" and column not in found and free:
            found[column] = free[0]
    if "duration" in present and dataset.features["duration"].dtype.startswith("float"):
        found.setdefault("stated_duration_s", "duration")
    if unused := sorted(present - set(found.values()) - {_audio_column(dataset, Path())}):
        log.info("left out the columns %s", ", ".join(unused))
    return found


def _is_class(dataset: Any, name: str) -> bool:
    return type(dataset.features[name]).__name__ == "ClassLabel"


def _placed(held: dict[str, Any], fallback: str) -> tuple[str, Path | bytes]:
    """The name and the audio of a row: a file that is there, or bytes to be written."""
    path, data = held.get("path"), held.get("bytes")
    if data is None and path:
        return f"{fallback}{Path(path).suffix or '.wav'}", Path(path)
    if data is None:
        raise ImportingError(f"row {fallback}: found neither a file nor bytes in its audio column")
    return f"{fallback}{BEGINNINGS.get(bytes(data[:4]), '.mp3')}", bytes(data)

"""Hugging Face `datasets`: a folder for `load_from_disk`, with audio and features as columns.

With official parts for all utterances it is a dataset of these splits, else a single one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.corpus import Corpus
from pipeline.exports.content import ExportError, Request, arrays, rows
from pipeline.listing.schema import SCHEMA
from pipeline.splitting.protocols import OFFICIAL_NAMES

NAMES = {"sentence": "sentence_id"}  # which most take for the text
PARTS = {"train": "train", "val": "validation", "test": "test"}


def write(corpus: Corpus, request: Request, out: Path) -> None:
    """Write the folder `out`; the arrays of the features asked for are held in memory.

    Raises:
        ExportError: `datasets` is not installed.
    """
    try:
        import datasets
    except ImportError as error:
        raise ExportError("this export needs an extra: `pip install vcemo[datasets]`") from error
    held = rows(corpus)
    table = pa.table(
        {
            "audio": _audio(corpus, held, copy=request.copy),
            **{NAMES.get(f.name, f.name): _plain(held, f) for f in SCHEMA},
            **{n: _column(corpus, n, request.source, held) for n in request.features},
        }
    )
    features = datasets.Features.from_arrow_schema(table.schema) | {"audio": datasets.Audio()}
    schema = datasets.Features(features).arrow_schema
    whole = datasets.Dataset(table.cast(schema))
    parts = [OFFICIAL_NAMES.get((row["split"] or "").casefold()) for row in held]
    if not all(parts):
        whole.save_to_disk(out)
        return
    split = {
        name: whole.select([i for i, part in enumerate(parts) if part == ours])
        for ours, name in PARTS.items()
        if ours in parts
    }
    datasets.DatasetDict(split).save_to_disk(out)


def _audio(corpus: Corpus, held: Sequence[dict[str, Any]], *, copy: bool) -> pa.Array:
    """Files by their place on this machine, or, copied, what they hold and their names."""
    paths = [(corpus.root / row["path"]).absolute() for row in held]
    told = [
        {"bytes": path.read_bytes() if copy else None, "path": path.name if copy else str(path)}
        for path in paths
    ]
    return pa.array(told, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def _plain(held: Sequence[dict[str, Any]], field: pa.Field) -> pa.Array:
    """A column of the manifest; maps, which datasets do not have, as lists of name and value."""
    values = [row[field.name] for row in held]
    if not pa.types.is_map(field.type):
        return pa.array(values, field.type)
    kind = pa.struct([("name", field.type.key_type), ("value", field.type.item_type)])
    listed = [
        None if v is None else [{"name": n, "value": x} for n, x in v.items()] for v in values
    ]
    return pa.array(listed, pa.list_(kind))


def _column(corpus: Corpus, name: str, source: str, held: Sequence[dict[str, Any]]) -> pa.Array:
    """The arrays of a feature, null for utterances without; nested lists for two axes."""
    found = dict(arrays(corpus, name, source))
    ordered = [found.get(row["utt_id"]) for row in held]
    present = [array for array in ordered if array is not None]
    absent = pa.array([array is None for array in ordered])
    offsets = _offsets([0 if array is None else len(array) for array in ordered])
    flat = np.concatenate([array.reshape(-1) for array in present] or [np.empty(0, np.float32)])
    values = pa.array(flat)
    if any(array.ndim == 2 for array in present):
        widths = [array.shape[1] for array in present for _ in range(len(array))]
        values = pa.ListArray.from_arrays(_offsets(widths), values)
    return pa.ListArray.from_arrays(offsets, values, mask=absent)


def _offsets(lengths: Sequence[int]) -> npt.NDArray[np.int32]:
    return np.cumsum([0, *lengths], dtype=np.int32)

"""The spectrograms of a tensor cache, and the reading of large rows a few at a time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.packing.melrows import MelRows
from pipeline.packing.rows import BATCH_ROWS, PackError, Utterances, stream_located
from pipeline.packing.tensorfile import writing


def write_mel(path: Path, shards: list[Path], utterances: Utterances, rows: MelRows) -> int:
    """Write mel.safetensors and return the number of mel bins.

    Shape:
        values f16[sum(frames), n_mels], offsets i64[rows + 1], sum and sum_squares
        f64[rows, n_mels]: sums over the kept frames, in the order of time.
    """
    columns = ["view", "frames", "mel"]
    n_mels = width_of(shards, "mel", "frames")
    shape = (len(rows.codes), n_mels)
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        "values": ("float16", (int(rows.frames.sum()), n_mels)),
        "offsets": ("int64", (len(rows.codes) + 1,)),
        "sum": ("float64", shape),
        "sum_squares": ("float64", shape),
    }
    with writing(path, tensors) as out:
        out["offsets"][:] = offsets = rows.offsets
        for ordinal, view, frames, mel in read_rows(shards, columns, utterances):
            row = rows.place(ordinal, view)
            what = f"{utterances.name(ordinal)}: mel"
            kept = matrix(mel, frames, n_mels, what)[: rows.frames[row]]
            out["values"][offsets[row] : offsets[row + 1]] = kept
            exact = kept.astype(np.float64)
            out["sum"][row] = exact.sum(axis=0)
            out["sum_squares"][row] = (exact * exact).sum(axis=0)
    return n_mels


def read_rows(
    shards: Iterable[Path], columns: list[str], utterances: Utterances, source: str | None = None
) -> Iterator[tuple[Any, ...]]:
    """Ordinals and values of the task's rows; long lists as Arrow scalars, the rest as Python."""
    for ordinals, batch in stream_located(shards, columns, utterances, source):
        for i in np.flatnonzero(ordinals >= 0).tolist():
            yield int(ordinals[i]), *(_value(batch[name][i]) for name in columns)


def _value(scalar: Any) -> Any:
    """Lists of numbers stay in Arrow: as Python objects they would take 30 times the memory."""
    numbers = pa.types.is_nested(scalar.type) and pa.types.is_floating(scalar.type.value_type)
    return scalar if numbers else scalar.as_py()


def matrix(scalar: Any, rows: int, width: int, what: str) -> NDArray[Any]:
    values: NDArray[Any] = np.empty(0)
    if scalar.is_valid:
        values = scalar.values.to_numpy(zero_copy_only=False)
    if len(values) != rows * width:
        raise PackError(
            f"{what}: {len(values)} values where {rows} x {width} are expected; the store mixes "
            f"two settings. Run `dvc repro` to bring it up to date"
        )
    return values.reshape(rows, width)


def width_of(shards: list[Path], column: str, rows: str | None = None) -> int:
    """Values per row of a flat matrix, from the first stored one that is not empty."""
    columns = [column] if rows is None else [column, rows]
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                for i, scalar in enumerate(batch[column]):
                    if len(scalar.values):
                        count = 1 if rows is None else batch[rows][i].as_py()
                        per_row = count if isinstance(count, int) else len(count)
                        return len(scalar.values) // per_row
    raise PackError(
        f"the store holds no {column} at all; give the corpus transcripts, or set `sources: []` "
        f"in the task to train on audio alone"
    )

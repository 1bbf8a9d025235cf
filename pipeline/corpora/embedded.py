"""Recordings that a corpus keeps inside Parquet files, unpacked into files of their own.

Everything after the reader works on files, so that hashes, rejects and listening are the same for
every corpus. What is unpacked lies beside the Parquet files and is written once.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.corpora import CorpusError, labelfile
from pipeline.files import appearing

BATCH_ROWS = 64  # with their sound in memory


def rows(root: Path, file: str, column: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(path of the unpacked sound, the other columns) of each row of a Parquet file in `root`.

    Raises:
        CorpusError: the file is damaged, has no sound in that column, or nothing can be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(root / file) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS):
                for row in batch.to_pylist():
                    sound = row.pop(column, None)
                    data = sound.get("bytes") if isinstance(sound, dict) else None
                    if not isinstance(data, bytes):
                        raise CorpusError(
                            f"{root / file}: row {number}: found no sound in the column "
                            f"{column!r}; {labelfile.UNPACK}"
                        )
                    path = f"unpacked/{Path(file).stem}/{number:06d}.wav"
                    _write(root / path, data)
                    yield path, row
                    number += 1
    except (OSError, pa.ArrowException, UnicodeDecodeError, OverflowError) as error:
        raise CorpusError(f"{root / file}: {error}; {labelfile.UNPACK}") from error


def _write(path: Path, data: bytes) -> None:
    if not path.exists() or path.stat().st_size != len(data):
        with appearing(path) as temporary:
            temporary.write_bytes(data)

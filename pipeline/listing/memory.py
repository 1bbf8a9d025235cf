"""What is already known of files, so that an unchanged file is not read again.

A convenience of one machine, as git's index is: a file under `data/facts` that is in no cache and
no lock. The manifest is the same, byte for byte, with it and without it.

A file counts as unchanged if its size, the times of its last change (of content, and of anything:
the second cannot be set by programs) and its inode are those of the reading that is remembered.
Clocks of file systems tick: a file that was changed just before it was read could change again
within the same tick, so such a reading is not remembered, and the file is read again next time.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.files import appearing
from pipeline.listing.recordings import Recording, Segment, examine
from pipeline.listing.rejects import Rejection

VERSION = 2  # of what `examine` finds and of this file's layout: raise it when either changes
FINE_TICK_NS = 100_000_000  # ample for file systems that tell fractions of seconds
COARSE_TICK_NS = 2_000_000_000  # FAT; others that tell whole seconds tick every second
ROWS_AT_ONCE = 1 << 14
SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("modified_ns", pa.int64()),
        ("changed_ns", pa.int64()),
        ("inode", pa.uint64()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("duration_s", pa.float64()),
        ("sample_rate_hz", pa.int32()),
        ("channels", pa.int16()),
        ("peak", pa.float64()),
        ("power", pa.float64()),
        ("snr_db", pa.float64()),
        ("finite", pa.bool_()),
        ("audio_key", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)

Verdict = Recording | Rejection

log = logging.getLogger(__name__)


class Stamp(NamedTuple):
    """What the file system tells of a file without reading it."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int


class Memory:
    """Verdicts on files by name and stamp, from a former run (`known`) and of this one (`kept`)."""

    def __init__(
        self, known: dict[str, tuple[Stamp, dict[Segment, Verdict]]], *, verify: bool = False
    ) -> None:
        """Start from what is known; with `verify` every file is read all the same."""
        self.known = known
        self.verify = verify
        self.kept: dict[str, tuple[Stamp, dict[Segment, Verdict]]] = {}
        self.read = 0  # files
        self.untold: list[str] = []  # files that changed although their stamps did not

    def examine(self, root: Path, name: str, segments: Sequence[Segment]) -> list[Verdict]:
        """What `recordings.examine` says of the file `root / name`, read only if need be."""
        path = root / name
        before, started = stamp(path), time.time_ns()
        stamped, verdicts = self.known.get(name, (None, {}))
        unchanged = before is not None and before == stamped
        if unchanged and not self.verify and all(s in verdicts for s in segments):
            found: list[Verdict] = [verdicts[s] for s in segments]
        else:
            found = examine(path, segments)
            self.read += before is not None
            again = (verdicts.get(s, new) != new for s, new in zip(segments, found, strict=True))
            if unchanged and any(again):
                self.untold.append(name)
            if before is None or before != stamp(path) or not settled(before, started):
                return found
        if before is not None:
            self.kept[name] = (before, dict(zip(segments, found, strict=True)))
        return found


def stamp(path: Path) -> Stamp | None:
    """The stamp of a file; None where there is none to read."""
    try:
        told = path.stat()
    except (OSError, ValueError):
        return None
    return Stamp(told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino)


def settled(file: Stamp, started_ns: int) -> bool:
    """Whether a change after `started_ns` could not leave the stamp as it is.

    >>> settled(Stamp(9, 1_200_000_007, 1_200_000_007, 1), 1_500_000_000)
    True
    >>> settled(Stamp(9, 1_000_000_000, 1_000_000_000, 1), 1_500_000_000)  # whole seconds
    False
    """
    return all(t + _tick(t) <= started_ns for t in (file.modified_ns, file.changed_ns))


def recall(path: Path, *, verify: bool = False) -> Memory:
    """The memory of a former run; an empty one where there is none that can be used."""
    if not path.exists():
        return Memory({}, verify=verify)
    try:
        table = pq.read_table(path, partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        log.warning("%s: cannot be read (%s), so every recording is read again", path, error)
        return Memory({}, verify=verify)
    if (table.schema.metadata or {}).get(b"made_by") != _maker() or table.schema != SCHEMA:
        return Memory({}, verify=verify)
    known: dict[str, tuple[Stamp, dict[Segment, Verdict]]] = {}
    for batch in table.to_batches(ROWS_AT_ONCE):
        for row in batch.to_pylist():
            file = Stamp(
                *(row.pop(name) for name in ("size", "modified_ns", "changed_ns", "inode"))
            )
            part: Segment = (row.pop("start_s"), row.pop("end_s"))
            known.setdefault(row.pop("path"), (file, {}))[1][part] = _verdict(row)
    return Memory(known, verify=verify)


def remember(memory: Memory, path: Path) -> None:
    """Write what a run kept, for the next one; says what changed without a sign of it."""
    if memory.untold:
        log.warning(
            "%d files changed although their size, times and inode did not, first: %s; "
            "the manifest has what they hold now",
            *(len(memory.untold), ", ".join(sorted(memory.untold)[:10])),
        )
    schema = SCHEMA.with_metadata({b"made_by": _maker()})
    rows: list[dict[str, Any]] = []
    with appearing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for name, (file, verdicts) in sorted(memory.kept.items()):
            rows += [_row(name, file, part, verdict) for part, verdict in verdicts.items()]
            if len(rows) >= ROWS_AT_ONCE:
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))
                rows = []
        writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))


def _row(name: str, file: Stamp, part: Segment, verdict: Verdict) -> dict[str, Any]:
    told = {field: getattr(verdict, field) for field in verdict.__slots__}
    return {"path": name, "start_s": part[0], "end_s": part[1], **file._asdict(), **told}


def _verdict(row: dict[str, Any]) -> Verdict:
    kind = Rejection if row["reason"] else Recording
    return kind(**{field: row[field] for field in kind.__slots__})


def _tick(time_ns: int) -> int:
    return FINE_TICK_NS if time_ns % 1_000_000_000 else COARSE_TICK_NS


def _maker() -> bytes:
    """Another decoder may find other facts."""
    from importlib.metadata import version

    import soundfile

    sndfile = soundfile.__libsndfile_version__
    return f"{VERSION} libsndfile {sndfile} av {version('av')}".encode()

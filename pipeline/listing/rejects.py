"""What could not be used of a corpus, and why: nothing is dropped without a row here."""

from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa

Reason = Literal[
    "missing-file",  # the path names no file
    "unreadable",  # no audio, or damaged
    "empty",  # no sample in it
    "silent",  # its peak is below silence_db
    "too-loud",  # far beyond full scale: floats on an integer scale
    "not-finite",  # it holds NaN or infinite samples
    "too-short",
    "too-long",
    "missing-transcript",  # and the corpus is said to require one
    "unknown-name",  # its reader takes speaker and label from file names, and not from this one
    "duplicate-id",  # another utterance has the same id: none of them is kept
    "bad-segment",  # start and end do not fit each other or the file
]
REASONS: tuple[str, ...] = get_args(Reason)

SCHEMA = pa.schema(
    [
        pa.field("utt_id", pa.string()),
        pa.field("corpus", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one utterance is rejected."""

    reason: Reason
    detail: str  # what was found, what was expected, what to do

"""The card of a corpus: what its manifest holds, counted, beside what its reader knows of it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.corpora import card as stated_card
from pipeline.corpora.card import CorpusCard

BINS = 24
COLUMNS = [
    *("label", "raw_label", "speaker", "gender", "language", "split", "duration_s", "sample_rate"),
    *("channels", "peak_db", "loudness_db", "snr_db", "transcript"),
]
EXAMPLES = 3  # rejects named for each reason
NONE = "unknown"


@dataclass(frozen=True)
class Spread:
    """How a number is spread over the utterances."""

    least: float
    median: float
    most: float
    edges: tuple[float, ...]  # of the histogram's bins
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Rejected:
    """Utterances that were rejected for one reason."""

    count: int
    examples: tuple[str, ...]  # path and detail


@dataclass(frozen=True)
class Card:
    """What is in a corpus."""

    name: str
    stated: CorpusCard | None  # what its reader knows; None for `table`
    utterances: int
    hours: float
    classes: dict[str, int]  # emotion -> utterances, most first
    raw_labels: dict[str, int]
    speakers: dict[str, int]
    genders: dict[str, int]
    languages: dict[str, int]
    parts: dict[str, int]  # of the official split
    sample_rates: dict[str, int]
    channels: dict[str, int]
    duration_s: Spread | None
    loudness_db: Spread | None
    snr_db: Spread | None  # estimated
    characters: Spread | None  # of transcripts
    untold: int  # utterances without transcript
    rejects: dict[str, Rejected]


def read_card(name: str, reader: str) -> Card:
    """The card of a corpus whose manifest is there.

    Raises:
        FileNotFoundError: it is not.
    """
    path = layout.manifest(name)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no manifest yet; run `vcemo manifest {name}`")
    table = pq.read_table(path, columns=COLUMNS, partitioning=None)
    return describe(name, stated_card(reader), table, _rejects(layout.rejects(name)))


def describe(
    name: str, stated: CorpusCard | None, table: pa.Table, rejects: dict[str, Rejected]
) -> Card:
    """Count a manifest.

    Args:
        table: COLUMNS of a manifest.
    """
    texts = [len(text.strip()) for text in table["transcript"].to_pylist() if (text or "").strip()]
    return Card(
        name=name,
        stated=stated,
        utterances=len(table),
        hours=(pc.sum(table["duration_s"]).as_py() or 0) / 3600,
        classes=_counted(table, "label"),
        raw_labels=_counted(table, "raw_label"),
        speakers=_counted(table, "speaker"),
        genders=_counted(table, "gender"),
        languages=_counted(table, "language"),
        parts=_counted(table, "split"),
        sample_rates=_counted(table, "sample_rate"),
        channels=_counted(table, "channels"),
        duration_s=spread_of(table["duration_s"].to_numpy()),
        loudness_db=spread_of(table["loudness_db"].to_numpy()),
        snr_db=spread_of(table["snr_db"].drop_null().to_numpy()),
        characters=spread_of(np.array(texts)),
        untold=len(table) - len(texts),
        rejects=rejects,
    )


def _counted(table: pa.Table, column: str) -> dict[str, int]:
    """Value -> utterances, the most frequent first."""
    counts = Counter(NONE if v is None else str(v) for v in table[column].to_pylist())
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def spread_of(values: npt.NDArray[Any]) -> Spread | None:
    """The spread of some numbers; None where there are none."""
    if not len(values):
        return None
    counts, edges = np.histogram(values, _edges(values))
    median = round(float(np.median(values)), 3)
    least, most = (round(float(v), 3) for v in (values.min(), values.max()))
    return Spread(least, median, most, tuple(map(float, edges)), tuple(map(int, counts)))


def _edges(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Of at most BINS bins: each holds as many whole numbers; what is all alike has one bin."""
    low, high = float(values.min()), float(values.max())
    if np.issubdtype(values.dtype, np.integer):
        width = int(high - low) // BINS + 1
        return np.arange(low, high + width + 1, width, dtype=np.float64) - 0.5
    if round(low, 3) == round(high, 3):  # no further apart than is told
        return np.array([low - 0.5, high + 0.5])
    return np.linspace(low, high, BINS + 1)


def _rejects(path: Path) -> dict[str, Rejected]:
    if not path.exists():
        return {}
    found: dict[str, list[str]] = {}
    for row in pq.read_table(path, partitioning=None).to_pylist():
        found.setdefault(row["reason"], []).append(f"{row['path']}: {row['detail']}")
    return {
        reason: Rejected(len(told), tuple(told[:EXAMPLES]))
        for reason, told in sorted(found.items())
    }

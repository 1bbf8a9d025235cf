"""What is exported: rows of the manifest as plain values, arrays of features, links to audio."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.catalog import read_entry
from pipeline.corpus import Corpus
from pipeline.listing.schema import SCHEMA


class ExportError(ValueError):
    """A corpus cannot be exported as asked."""


@dataclass(frozen=True)
class Feature:
    """Where the array of a feature is in the store."""

    feature: str
    variant: str  # the id column beside utt_id
    values: str  # flat
    count: str | None  # column with the length of its first axis; None for a vector


FEATURES = {
    "mel": Feature("mel", "view", "mel", "frames"),  # [frames, n_mels]
    "words": Feature("words", "source", "vectors", "tokens"),  # [tokens, size]
    "bert_first": Feature("bert", "source", "first", None),  # [size]
    "bert_mean": Feature("bert", "source", "mean", None),  # [size]
}
ORIGINAL = "original"  # the view; augmented ones are for training here


@dataclass(frozen=True)
class Request:
    """What is asked of an export."""

    features: tuple[str, ...]  # names in FEATURES
    source: str  # of texts: `reference`, or an ASR setting
    copy: bool  # the audio, instead of links to it

    def __post_init__(self) -> None:
        """Check the names."""
        if strange := [name for name in self.features if name not in FEATURES]:
            raise ExportError(
                f"feature: found {strange[0]!r}, expected one of {', '.join(FEATURES)}"
            )


def rows(corpus: Corpus) -> list[dict[str, Any]]:
    """The manifest in plain values: maps as dicts, unknown as None; sorted by id."""
    maps = [field.name for field in SCHEMA if pa.types.is_map(field.type)]
    found: list[dict[str, Any]] = corpus.utterances(*SCHEMA.names).to_pylist()
    return [row | {name: row[name] and dict(row[name]) for name in maps} for row in found]


def arrays(
    corpus: Corpus, name: str, source: str
) -> Iterator[tuple[str, npt.NDArray[np.float16 | np.float32]]]:
    """Id and array of each utterance that has the feature, a shard at a time.

    Raises:
        CatalogError: the store has none of it yet.
    """
    wanted = FEATURES[name]
    columns = ["utt_id", wanted.variant, wanted.values]
    columns += [wanted.count] if wanted.count else []
    variant = ORIGINAL if wanted.variant == "view" else source
    for path in read_entry(wanted.feature, corpus.name).shards:
        table = pq.read_table(path, columns=columns, partitioning=None)
        table = table.filter(pc.equal(table[wanted.variant], variant)).combine_chunks()
        for i, utt_id in enumerate(table["utt_id"].to_pylist()):
            flat = table[wanted.values][i].values.to_numpy(zero_copy_only=False)
            yield utt_id, flat.reshape(_shape(table, wanted, i, len(flat)))


def _shape(table: pa.Table, wanted: Feature, i: int, size: int) -> tuple[int, ...]:
    if wanted.count is None:
        return (size,)
    held = table[wanted.count][i].as_py()
    first = held if isinstance(held, int) else len(held)
    return (first, size // first) if first else (0, 0)


def file_name(utt_id: str, suffix: str) -> str:
    """The name of an utterance's file, without the corpus.

    >>> file_name("emodb/wav/03a01Fa", ".npy")
    'wav/03a01Fa.npy'
    """
    return utt_id.partition("/")[2] + suffix


def save_arrays(corpus: Corpus, request: Request, out: Path) -> dict[str, dict[str, str]]:
    """Write `<out>/<feature>/<utterance>.npy`; feature -> id -> path below `out`."""
    saved: dict[str, dict[str, str]] = {}
    for name in request.features:
        saved[name] = {}
        for utt_id, array in arrays(corpus, name, request.source):
            path = f"{name}/{file_name(utt_id, '.npy')}"
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            np.save(out / path, array, allow_pickle=False)
            saved[name][utt_id] = path
    return saved


def place_audio(
    corpus: Corpus, held: list[dict[str, Any]], out: Path, *, copy: bool
) -> Mapping[str, str]:
    """Link or copy each recording to `<out>/audio/...`; path in the corpus -> path below `out`."""
    placed = {}
    for name in sorted({row["path"] for row in held}):
        at = out / "audio" / name
        at.parent.mkdir(parents=True, exist_ok=True)
        source = (corpus.root / name).absolute()
        shutil.copyfile(source, at) if copy else at.symlink_to(source)
        placed[name] = f"audio/{name}"
    return placed

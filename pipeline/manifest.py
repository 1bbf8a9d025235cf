"""The manifest of a corpus: one row per utterance, checked; what fails a check is a reject.

read     the corpus's reader tells its utterances
check    ids, labels, transcripts; then each audio file, once
write    manifest and rejects, and only then stop if too many were rejected
"""

import logging
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import corpora, labels, layout
from pipeline.corpora import CorpusParams, values
from pipeline.files import appearing
from pipeline.labels import Names
from pipeline.listing import rejects
from pipeline.listing.listening import listen
from pipeline.listing.memory import Memory, Verdict, recall, remember
from pipeline.listing.ratings import agreement, shares
from pipeline.listing.recordings import Recording
from pipeline.listing.rejects import Rejection
from pipeline.listing.schema import SCHEMA
from pipeline.listing.screening import ManifestParams as ManifestParams
from pipeline.listing.screening import judge, misnamed, twice, unmapped, wordless
from pipeline.listing.summary import ManifestError as ManifestError
from pipeline.listing.summary import Summary, require_few_rejects, summarise
from pipeline.listing.utterance import Utterance, Vote, Word

ROWS_AT_ONCE = 1 << 13  # as Python objects, on their way to Arrow
ROWS_PER_GROUP = 1 << 16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """What a corpus holds: tables of the schemas `SCHEMA` and `rejects.SCHEMA`, sorted by id."""

    utterances: pa.Table
    rejects: pa.Table
    summary: Summary


def make(
    corpus: str,
    source: CorpusParams,
    params: ManifestParams,
    *,
    workers: int,
    verify: bool = False,
) -> Summary:
    """Build and write the manifest of a corpus.

    Recordings that did not change since the last time (`listing/memory.py` says how that is told)
    are not read again, except with `verify`.

    Raises:
        CorpusError, LabelError: the corpus or its params are not as they should be.
        ManifestError: more than `max_reject_fraction` was rejected. Both files are there even so.
    """
    memory = recall(layout.facts(corpus), verify=verify)
    manifest = build(corpus, source, params, workers=workers, memory=memory)
    remember(memory, layout.facts(corpus))
    _write(manifest.utterances, layout.manifest(corpus))
    _write(manifest.rejects, layout.rejects(corpus))
    require_few_rejects(manifest.summary, manifest.rejects, params.max_reject_fraction)
    return manifest.summary


def build(
    corpus: str,
    source: CorpusParams,
    params: ManifestParams,
    *,
    workers: int,
    memory: Memory | None = None,
) -> Manifest:
    """Read and check a corpus; the result depends neither on the workers nor on the memory.

    Raises:
        CorpusError, LabelError: the corpus or its params are not as they should be.
    """
    started = time.monotonic()
    memory = Memory({}) if memory is None else memory
    known = labels.table(source.reader, source.labels)
    language = source.language and values.language(source.language)
    found = [replace(u, language=u.language or language) for u in corpora.utterances(source)]
    ids = [utterance_id(corpus, u) for u in found]
    labels.require_mapped(corpus, source.reader, unmapped(found, known), known)
    verdicts: list[Verdict | None] = [None] * len(found)
    for i, rejection in _screen(found, ids, source).items():
        verdicts[i] = rejection
    waiting = [i for i, verdict in enumerate(verdicts) if verdict is None]
    for i, heard in listen(corpora.root(source), found, waiting, memory, workers):
        verdicts[i] = heard if isinstance(heard, Rejection) else judge(heard, params)
    utterances = _table(
        _rows(corpus, zip(ids, found, verdicts, strict=True), known), SCHEMA, ["utt_id"]
    )
    order = ["utt_id", "path", "detail"]
    refused = _table(
        _refusals(corpus, zip(ids, found, verdicts, strict=True)), rejects.SCHEMA, order
    )
    seconds = time.monotonic() - started
    summary = summarise(corpus, utterances, refused, files_read=memory.read, seconds=seconds)
    return Manifest(utterances, refused, summary)


def utterance_id(corpus: str, utterance: Utterance) -> str:
    """The name of an utterance everywhere in the project.

    >>> utterance_id("emodb", Utterance(path="wav/03a01Fa.wav"))
    'emodb/wav/03a01Fa'
    >>> utterance_id("talks", Utterance(path="a.flac", start_s=1.5, end_s=12.0))
    'talks/a#1.5-12'
    """
    name = f"{corpus}/{PurePosixPath(utterance.path).with_suffix('')}"
    if utterance.start_s is None and utterance.end_s is None:
        return name
    return f"{name}#{_time(utterance.start_s)}-{_time(utterance.end_s)}"


def _screen(
    found: Sequence[Utterance], ids: Sequence[str], source: CorpusParams
) -> dict[int, Rejection]:
    """What can be told without the audio; of several reasons the last of these is given."""
    lacking = wordless(found) if source.require_transcript else {}
    return lacking | twice(found, ids) | misnamed(found)


def _rows(
    corpus: str, judged: Iterable[tuple[str, Utterance, Verdict | None]], known: Names
) -> Iterator[dict[str, Any]]:
    """Rows of `SCHEMA`, one per utterance that passed."""
    told = [field.name for field in fields(Utterance) if field.name in SCHEMA.names]
    for utt_id, utterance, heard in judged:
        if isinstance(heard, Recording):
            soft = shares(utterance, known)
            yield {name: getattr(utterance, name) for name in told} | {
                "utt_id": utt_id,
                "corpus": corpus,
                "duration_s": heard.duration_s,
                "sample_rate": heard.sample_rate_hz,
                "channels": heard.channels,
                "audio_key": heard.audio_key,
                "peak_db": _db(heard.peak**2),
                "loudness_db": _db(heard.power),
                "snr_db": heard.snr_db if heard.snr_db is None else round(heard.snr_db, 1),
                "folds": utterance.folds and sorted(utterance.folds.items()),
                "words": _structs(utterance.words),
                "raw_label": (utterance.raw_label or "").strip() or None,
                "label": labels.emotion(known, utterance.raw_label),
                "soft_label": soft and list(soft.items()),
                "votes": _structs(utterance.votes),
                "agreement": agreement(utterance, soft, known),
            }


def _refusals(
    corpus: str, judged: Iterable[tuple[str, Utterance, Verdict | None]]
) -> Iterator[dict[str, Any]]:
    """Rows of `rejects.SCHEMA`, one per utterance that did not pass."""
    for utt_id, utterance, why in judged:
        if isinstance(why, Rejection):
            name = {"utt_id": utt_id, "corpus": corpus, "path": utterance.path}
            yield name | {"reason": why.reason, "detail": why.detail}


def _table(rows: Iterator[dict[str, Any]], schema: pa.Schema, order: Sequence[str]) -> pa.Table:
    """Arrow from Python rows, a part at a time: as Python objects they take far more memory."""
    batches = []
    while part := list(islice(rows, ROWS_AT_ONCE)):
        batches.append(pa.RecordBatch.from_pylist(part, schema))
    return pa.Table.from_batches(batches, schema).sort_by([(name, "ascending") for name in order])


def _structs(items: Sequence[Word] | Sequence[Vote] | None) -> list[dict[str, Any]] | None:
    return None if items is None else [item._asdict() for item in items]


def _db(power: float) -> float:
    """Decibels below full scale to the hundredth, so that no processor's last bit shows."""
    return round(10 * math.log10(power), 2)


def _time(seconds: float | None) -> str:
    """Seconds to the microsecond, without trailing zeros; nothing for an open end."""
    return "" if seconds is None else f"{seconds:.6f}".rstrip("0").rstrip(".")


def _write(table: pa.Table, path: Path) -> None:
    """Parquet with every choice fixed: equal tables give equal bytes."""
    with appearing(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=3,
            row_group_size=ROWS_PER_GROUP,
            version="2.6",
            data_page_version="1.0",
        )

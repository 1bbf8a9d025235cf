"""The manifest of a corpus: one row per utterance, checked; what fails a check is a reject.

read     the corpus's reader tells its utterances
check    ids, labels, transcripts; then each audio file, once
write    manifest and rejects, and only then stop if too many were rejected
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import corpora, labels, layout
from pipeline.corpora import CorpusParams, values
from pipeline.files import appearing
from pipeline.listing import rejects
from pipeline.listing.recordings import Recording, Segment, examine
from pipeline.listing.rejects import Rejection
from pipeline.listing.screening import ManifestParams as ManifestParams
from pipeline.listing.screening import judge, twice, unlabelled, wordless
from pipeline.listing.summary import ManifestError as ManifestError
from pipeline.listing.summary import Summary, require_few_rejects, summarise
from pipeline.listing.utterance import Utterance

FILES_AHEAD = 1024  # handed to the workers at a time, which bounds what waits in memory
ROWS_PER_GROUP = 1 << 16

SCHEMA = pa.schema(
    [
        pa.field("utt_id", pa.string(), nullable=False),
        pa.field("corpus", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("sample_rate", pa.int32(), nullable=False),
        pa.field("channels", pa.int16(), nullable=False),
        pa.field("audio_key", pa.string(), nullable=False),
        pa.field("speaker", pa.string()),
        pa.field("gender", pa.string()),
        pa.field("age", pa.int16()),
        pa.field("language", pa.string()),
        pa.field("session", pa.string()),
        pa.field("dialogue", pa.string()),
        pa.field("turn", pa.int32()),
        pa.field("transcript", pa.string()),
        pa.field("raw_label", pa.string()),
        pa.field("label", pa.string()),
        pa.field("soft_label", pa.map_(pa.string(), pa.float32())),
        pa.field("arousal", pa.float32()),
        pa.field("valence", pa.float32()),
        pa.field("dominance", pa.float32()),
        pa.field("split", pa.string()),
    ]
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Manifest:
    """What a corpus holds: tables of the schemas `SCHEMA` and `rejects.SCHEMA`, sorted by id."""

    utterances: pa.Table
    rejects: pa.Table
    summary: Summary


def make(corpus: str, source: CorpusParams, params: ManifestParams, *, workers: int) -> Summary:
    """Build and write the manifest of a corpus.

    Raises:
        CorpusError, LabelError: the corpus or its params are not as they should be.
        ManifestError: more than `max_reject_fraction` was rejected. Both files are there even so.
    """
    manifest = build(corpus, source, params, workers=workers)
    _write(manifest.utterances, layout.manifest(corpus))
    _write(manifest.rejects, layout.rejects(corpus))
    require_few_rejects(manifest.summary, manifest.rejects, params.max_reject_fraction)
    return manifest.summary


def build(corpus: str, source: CorpusParams, params: ManifestParams, *, workers: int) -> Manifest:
    """Read and check a corpus; the result does not depend on the number of workers.

    Raises:
        CorpusError, LabelError: the corpus or its params are not as they should be.
    """
    known = labels.table(source.reader, source.labels)
    language = source.language and values.language(source.language)
    found = [replace(u, language=u.language or language) for u in corpora.utterances(source)]
    ids = [utterance_id(corpus, u) for u in found]
    rejected = _screen(found, ids, source, known)
    verdicts: dict[int, Recording | Rejection] = {**rejected}
    waiting = {i: u for i, u in enumerate(found) if i not in rejected}
    for i, heard in _listen(corpora.root(source), waiting, workers):
        verdicts[i] = heard if isinstance(heard, Rejection) else judge(heard, params)
    named = list(zip(ids, found, strict=True))
    utterances = _table(_rows(corpus, named, verdicts, known), SCHEMA, ["utt_id"])
    order = ["utt_id", "path", "detail"]
    refused = _table(_refusals(corpus, named, verdicts), rejects.SCHEMA, order)
    return Manifest(utterances, refused, summarise(corpus, utterances, refused))


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
    found: Sequence[Utterance], ids: Sequence[str], source: CorpusParams, known: Mapping[str, str]
) -> dict[int, Rejection]:
    """What can be told without the audio; of several reasons the last of these is given."""
    lacking = wordless(found) if source.require_transcript else {}
    return lacking | unlabelled(found, known) | twice(found, ids)


def _listen(
    root: Path, waiting: Mapping[int, Utterance], workers: int
) -> Iterator[tuple[int, Recording | Rejection]]:
    """Read each file once, however many segments of it there are.

    Threads, because it is the disk that takes long: hashing and decoding take 0.4 ms of processor
    time per utterance of 2.8 s, too little to be worth other processes.
    """
    by_file: defaultdict[str, list[int]] = defaultdict(list)
    for i, utterance in waiting.items():
        by_file[utterance.path].append(i)

    def facts(path: str) -> list[Recording | Rejection]:
        parts: list[Segment] = [(waiting[i].start_s, waiting[i].end_s) for i in by_file[path]]
        return examine(root / path, parts)

    paths = list(by_file)
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(paths), FILES_AHEAD):
            part = paths[start : start + FILES_AHEAD]
            for path, results in zip(part, pool.map(facts, part), strict=True):
                yield from zip(by_file[path], results, strict=True)


def _rows(
    corpus: str,
    named: Sequence[tuple[str, Utterance]],
    verdicts: Mapping[int, Recording | Rejection],
    known: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """Rows of `SCHEMA`, one per utterance that passed."""
    for i, (utt_id, utterance) in enumerate(named):
        if isinstance(heard := verdicts[i], Recording):
            raw = (utterance.raw_label or "").strip()
            votes = utterance.soft_label
            yield asdict(utterance) | {
                "utt_id": utt_id,
                "corpus": corpus,
                "duration_s": heard.duration_s,
                "sample_rate": heard.sample_rate_hz,
                "channels": heard.channels,
                "audio_key": heard.audio_key,
                "raw_label": raw or None,
                "label": known[labels.plain(raw)] if raw else None,
                "soft_label": _soft(votes, known) if votes else None,
            }


def _refusals(
    corpus: str,
    named: Sequence[tuple[str, Utterance]],
    verdicts: Mapping[int, Recording | Rejection],
) -> Iterator[dict[str, Any]]:
    """Rows of `rejects.SCHEMA`, one per utterance that did not pass."""
    for i, (utt_id, utterance) in enumerate(named):
        if isinstance(why := verdicts[i], Rejection):
            name = {"utt_id": utt_id, "corpus": corpus, "path": utterance.path}
            yield name | {"reason": why.reason, "detail": why.detail}


def _table(rows: Iterator[dict[str, Any]], schema: pa.Schema, order: Sequence[str]) -> pa.Table:
    """Arrow from Python rows, a part at a time: as Python objects they take far more memory."""
    batches = []
    while part := list(islice(rows, ROWS_PER_GROUP)):
        batches.append(pa.RecordBatch.from_pylist(part, schema))
    return pa.Table.from_batches(batches, schema).sort_by([(name, "ascending") for name in order])


def _soft(votes: Mapping[str, float], known: Mapping[str, str]) -> list[tuple[str, float]]:
    """Share of each emotion, sorted; raw labels of one emotion are added up."""
    shares: defaultdict[str, float] = defaultdict(float)
    for name, count in votes.items():
        shares[known[labels.plain(name)]] += count / sum(votes.values())
    return sorted(shares.items())


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

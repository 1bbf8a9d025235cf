"""The feature stages as a table, and the one way to run any of them."""

import logging
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from pipeline import backends, corpora, layout, manifest, shards
from pipeline.catalog import Entry, write_entry
from pipeline.corpus import Corpus
from pipeline.files import sole_writer, write_json
from pipeline.keys import digest
from pipeline.listing import summary as manifest_summary
from pipeline.progress import counted
from pipeline.rows import asr_scores, bert, facts, mel, transcripts, views, words
from pipeline.rows.facts import Facts
from pipeline.shard_files import Feature
from pipeline.shards import Compute, Plan

log = logging.getLogger(__name__)


class Rows(Protocol):
    """What a module of `pipeline.rows` offers; see there."""

    PAYLOAD: pa.Schema

    def wanted(self, corpus: Corpus, /) -> pa.Table: ...
    def inputs(self, corpus: Corpus, rows: pa.Table, /) -> pa.Table: ...
    def compute(self, corpus: Corpus, inputs: pa.Table, /) -> Compute: ...
    def provenance(self, corpus: Corpus, /) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Stage:
    """A feature stage."""

    feature: str  # folder in the store
    variant: str  # the id column beside utt_id
    rows: Rows
    sections: tuple[str, ...]  # of params.yaml, that change its rows
    batch_rows: int  # rows handed to a worker at once
    worth_a_process: int = 4  # so many of these take longer than starting a process for them


STAGES = {
    "asr": Stage("transcripts", "source", transcripts, ("asr",), 4, worth_a_process=2),
    "augment": Stage("views", "view", views, ("audio", "augment"), 24),
    "mel": Stage("mel", "view", mel, ("audio", "mel"), 32),
    "words": Stage("words", "source", words, ("words",), 256),
    "bert": Stage("bert", "source", bert, ("bert",), 256),
    "asr_scores": Stage("asr_scores", "source", asr_scores, (), 256),
}


METRICS = ("words",)  # features whose facts DVC compares between commits
GPU_ROWS = 64  # handed to a GPU's worker at once: a few batches


@dataclass(frozen=True)
class Summary:
    """What a stage did."""

    stage: str
    corpus: str
    computed: int
    reused: int
    rows: int  # in the store now; more than the two where rows are alike, which are computed once
    dropped: int  # rows that nobody wants any more
    seconds: float
    audio_s: float = 0.0  # recognised as speech
    facts: Facts = field(default_factory=dict)

    def __str__(self) -> str:
        line = (
            f"{self.stage} {self.corpus}: {self.computed} computed, {self.reused} reused, "
            f"{self.dropped} dropped, {self.rows} rows, {self.seconds:.1f} s"
        )
        if self.audio_s:
            line += f", {self.audio_s / self.seconds:.1f} s of audio per second"
        told = facts.sentence(self.facts)
        return f"{line}\n  {told}" if told else line


def plan(name: str, corpus: Corpus) -> Plan:
    """What running a stage on a corpus would do."""
    stage = STAGES[name]
    target_rows = getattr(corpus.params.store.target_rows, stage.feature)
    feature = Feature(stage.feature, stage.variant, stage.rows.PAYLOAD, target_rows)
    folder = layout.shards(stage.feature, corpus.name)
    return shards.plan(folder, feature, stage.rows.wanted(corpus))


def run_manifest(corpus: Corpus, workers: int, *, verify: bool = False) -> manifest_summary.Summary:
    """List and check a corpus, and leave the manifest's entry for the catalog.

    Raises:
        ValueError: the corpus is not as its reader expects it, or too much of it was rejected.
    """
    source, checks = corpus.params.corpora[corpus.name], corpus.params.manifest
    path = layout.manifest(corpus.name)
    with sole_writer(path):
        summary = manifest.make(corpus.name, source, checks, workers=workers, verify=verify)
    told = asdict(source)
    del told["path"]  # where a corpus lies on this machine is no part of what is in it
    scale = corpora.scale(source)
    entry = Entry(
        rows=summary.utterances,
        key=digest(path.read_bytes()),
        shards=(path.as_posix(),),
        params={"corpora": told, "manifest": asdict(checks)},
        encoders={},
        facts={"scale": dict(zip(("least", "most"), scale, strict=True))} if scale else {},
    )
    write_entry("manifest", corpus.name, entry)
    return summary


def run(name: str, corpus: Corpus, workers: int) -> Summary:
    """Bring one feature of one corpus up to date, and leave its entry for the catalog.

    Raises:
        BusyError: another process is writing the same feature.
        ShardError: its folder is damaged, or holds something strange.
        ValueError: an input of the stage is missing or cannot be used; says which and what to do.
    """
    started = time.monotonic()
    stage = STAGES[name]
    with sole_writer(layout.shards(stage.feature, corpus.name)), backends.one_thread_each():
        todo = plan(name, corpus)
        missing = len(todo.missing)
        log.debug("%s %s: %d rows to compute", name, corpus.name, missing)
        audio_s = _carry_out(stage, corpus, todo, workers)
        entry = _entry(stage, corpus, todo)
        write_entry(stage.feature, corpus.name, entry)
        if stage.feature in METRICS:
            write_json(layout.corpus_report(corpus.name) / f"{stage.feature}.json", entry.facts)
    seconds = time.monotonic() - started
    counts = (missing, todo.reused, len(todo.rows), todo.dropped)
    return Summary(name, corpus.name, *counts, seconds, audio_s, entry.facts)


def _carry_out(stage: Stage, corpus: Corpus, todo: Plan, workers: int) -> float:
    """Compute what is missing; returns the seconds of audio that were recognised as speech."""
    rows = todo.rows.take(todo.missing)
    inputs = stage.rows.inputs(corpus, rows) if len(rows) else rows
    compute = stage.rows.compute(corpus, inputs) if len(rows) else _nothing
    gpus = 0
    if isinstance(compute, transcripts.Transcribe):
        gpus = compute.gpus
        workers = workers if compute.sources else 1  # a process starts longer than it copies texts
    batch_rows = max(stage.batch_rows, GPU_ROWS if gpus else 0)
    batches = -(-len(rows) // batch_rows)
    if gpus > 1:
        spread = backends.processes(gpus)
    else:
        spread = backends.choose(gpus or workers, batches, stage.worth_a_process)
    shards.run(
        todo,
        inputs,
        compute,
        counted(spread, len(rows), f"{stage.feature} {corpus.name}"),
        batch_rows,
    )
    return transcripts.audio_s(inputs) if stage.rows is transcripts and len(rows) else 0.0


def _nothing(inputs: pa.Table) -> pa.Table:
    raise AssertionError("there is no row to compute")


def _entry(stage: Stage, corpus: Corpus, done: Plan) -> Entry:
    folder = layout.shards(stage.feature, corpus.name)
    return Entry(
        rows=len(done.rows),
        key=done.key,
        shards=tuple((folder / shard.name).as_posix() for shard in done.shards),
        params={section: asdict(getattr(corpus.params, section)) for section in stage.sections},
        encoders=stage.rows.provenance(corpus),
        facts=facts.of(stage.feature, (folder / shard.name for shard in done.shards)),
    )

"""What planning costs: a corpus of many utterances of which a few are new.

    python tests/benchmarks/planning.py [--utterances 1000000] [--new 1000]

Builds a manifest and a store with made-up payloads of the right shape in a temporary folder, then
plans each feature stage in a process of its own, as `vcemo STAGE CORPUS --dry-run` does, at a
quarter, a half and the whole of the size: seconds, peak memory and rows per second.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pipeline import backends, layout, params, shards, stages  # noqa: E402
from pipeline.catalog import Entry, write_entry  # noqa: E402
from pipeline.corpus import Corpus  # noqa: E402
from pipeline.listing.schema import SCHEMA  # noqa: E402
from pipeline.shard_files import Feature  # noqa: E402
from tests.projects import make_project  # noqa: E402

STAGES = ("asr", "augment", "mel")
CORPUS = "big"


def write_manifest(utterances: int) -> None:
    number = [f"{i:07d}" for i in range(utterances)]
    columns = {
        "utt_id": [f"{CORPUS}/wav/speaker{i % 100:03d}/{n}" for i, n in enumerate(number)],
        "corpus": [CORPUS] * utterances,
        "path": [f"wav/speaker{i % 100:03d}/{n}.wav" for i, n in enumerate(number)],
        "duration_s": [2.5] * utterances,
        "sample_rate": [16000] * utterances,
        "channels": [1] * utterances,
        "peak_db": [-6.0] * utterances,
        "loudness_db": [-20.0] * utterances,
        "audio_key": [f"{i:032x}" for i in range(utterances)],
        "language": ["en"] * utterances,
        "transcript": [f"this is sentence number {n}" for n in number],
    }
    nothing = [None] * utterances
    table = pa.table({f.name: columns.get(f.name, nothing) for f in SCHEMA}, schema=SCHEMA)
    layout.manifest(CORPUS).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.sort_by("utt_id"), layout.manifest(CORPUS))


def fill_store(stage: str, corpus: Corpus) -> None:
    """Write the rows a stage wants with empty payloads."""
    kind = stages.STAGES[stage]
    target = getattr(corpus.params.store.target_rows, kind.feature)
    feature = Feature(kind.feature, kind.variant, kind.rows.PAYLOAD, target)
    folder = layout.shards(kind.feature, CORPUS)
    plan = shards.plan(folder, feature, kind.rows.wanted(corpus))
    inputs = plan.rows.take(plan.missing)
    shards.run(plan, inputs, Empty(feature.payload), backends.serial, 4096)
    paths = tuple((folder / s.name).as_posix() for s in plan.shards)
    write_entry(kind.feature, CORPUS, Entry(len(plan.rows), plan.key, paths, {}, {}))


class Empty:
    """A payload of nothing."""

    def __init__(self, schema: pa.Schema) -> None:
        row = {f.name: EMPTY[str(f.type).split("<")[0]] for f in schema}
        self.row = pa.Table.from_pylist([row], schema=schema)

    def __call__(self, inputs: pa.Table) -> pa.Table:
        return self.row.take(pa.array([0] * len(inputs)))


EMPTY = {
    "string": "",
    "float": 0.0,
    "double": 0.0,
    "int32": 0,
    "int64": 0,
    "binary": b"",
    "list": [],
}


def measure(stage: str) -> None:
    """Plan one stage in this process and print rows, new rows, seconds and MiB."""
    started = time.perf_counter()
    plan = stages.plan(stage, Corpus.named(CORPUS, params.load()))
    rows, missing = len(plan.rows), len(plan.missing)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(rows, missing, f"{seconds:.1f}", f"{peak:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--utterances", type=int, default=1_000_000)
    parser.add_argument("--new", type=int, default=1_000)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    table = Table("utterances", "stage", "rows", "to compute", "s", "MiB", "rows per s")
    for size in (options.utterances // 4, options.utterances // 2, options.utterances):
        with tempfile.TemporaryDirectory() as folder:
            project = make_project(Path(folder, "project"))
            project.set(corpora={CORPUS: {"reader": "table", "path": "data/raw/big"}})
            project.set(store__target_rows__transcripts=4096, store__target_rows__views=4096)
            project.set(store__target_rows__mel=4096)
            os.chdir(project.root)
            corpus = Corpus.named(CORPUS, params.load())
            for stage in STAGES:
                write_manifest(size - options.new)
                fill_store(stage, corpus)
                write_manifest(size)
                command = [sys.executable, __file__, "--measure", stage]
                told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                rows, missing, seconds, mib = told.split()
                rate = f"{int(rows) / float(seconds):,.0f}"
                table.add_row(f"{size:,}", stage, f"{int(rows):,}", missing, seconds, mib, rate)
            os.chdir(ROOT)
    Console().print(table)


if __name__ == "__main__":
    main()

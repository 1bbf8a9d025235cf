"""A run killed with kill -9 goes on from whole shards, and ends with the same bytes."""

import io
import os
import re
import shutil
import signal
import subprocess
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from pipeline import experiment, params, stages
from pipeline.corpus import Corpus
from pipeline.demo.models import make_models
from tests.projects import BIN, Project, add_corpus, make_project

POINTS = 20  # half spread over the clock, half over the files
UTTERANCES = 40
SMALL_SHARDS = {
    "transcripts": 2,
    "asr_scores": 2,
    "views": 6,
    "mel": 8,
    "words": 2,
    "bert": 2,
}  # rows
OUTPUTS = ("data/manifest", "data/store", "data/catalog", "data/catalog.json")
PATIENCE_S = 60

# Each child is forked from a server that has imported these, so that the kills do not all fall
# into the seconds in which libraries load.
LIBRARIES = [
    "features.kernels",
    "features.vocoder",
    "numba",
    "pipeline.corpora.table",
    "pipeline.experiment",
    "pipeline.stages",
    "pyarrow.dataset",
    "pytest",
    "soundfile",
    "spacy.lang.en",
    "spacy.pipeline.factories",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
]
CHILDREN = get_context("forkserver")


@dataclass(frozen=True)
class CleanRun:
    """An uninterrupted run of everything, in a process of its own."""

    project: Project
    results: dict[str, bytes]
    appeared_s: list[float]  # when each file did, since the start
    duration_s: float


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> CleanRun:
    project = make_project(tmp_path_factory.mktemp("clean"))
    add_corpus(project, "c", UTTERANCES)
    project.set(store__target_rows=SMALL_SHARDS)
    make_models(project.root / "data" / "models" / "demo")
    CHILDREN.set_forkserver_preload(LIBRARIES)
    for _ in range(2):  # the first time starts the server, and warms what the disk has cached
        forget(project)
        started = time.time()
        run_in_child(project).join()
        duration = time.time() - started
    times = (path.stat().st_mtime - started for path in whole_files(project))
    return CleanRun(project, results(project), sorted(times), duration)


def run_everything() -> dict[str, stages.Summary]:
    """From the recordings to the catalog, in the current directory."""
    loaded = params.load()
    corpus = Corpus.named("c", loaded)
    stages.run_manifest(corpus, workers=1)
    done = {name: stages.run(name, corpus, workers=1) for name in stages.STAGES}
    experiment.make_catalog(loaded)
    return done


def run_in_child(project: Project):  # type: ignore[no-untyped-def]
    child = CHILDREN.Process(target=_go_and_run, args=(project.root,), daemon=True)
    child.start()
    return child


def _go_and_run(root: Path) -> None:
    os.chdir(root)
    run_everything()


def forget(project: Project) -> None:
    for output in (project.root / name for name in OUTPUTS):
        shutil.rmtree(output) if output.is_dir() else output.unlink(missing_ok=True)


def whole_files(project: Project) -> Iterator[Path]:
    for output in (project.root / name for name in OUTPUTS):
        paths = output.rglob("*") if output.is_dir() else [output]
        yield from (p for p in paths if p.suffix in (".parquet", ".json") and is_whole(p))


def is_whole(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_file()


def results(project: Project) -> dict[str, bytes]:
    """All that a run makes."""
    paths = sorted(whole_files(project))
    return {p.relative_to(project.root).as_posix(): p.read_bytes() for p in paths}


def shards(files: dict[str, bytes], stage: str) -> dict[str, bytes]:
    folder = f"data/store/{stages.STAGES[stage].feature}/"
    return {name: content for name, content in files.items() if name.startswith(folder)}


def rows(files: dict[str, bytes]) -> int:
    return sum(pq.read_metadata(io.BytesIO(content)).num_rows for content in files.values())


def moments_s(clean: CleanRun) -> list[float]:
    """When to kill: moments spread over the clean run's time, and over the files that it wrote.

    The files see to it that a short stage has its share, the clock that what writes none has.
    """
    shares = [(i + 0.5) / (POINTS // 2) for i in range(POINTS // 2)]
    files = [clean.appeared_s[int(share * len(clean.appeared_s))] for share in shares]
    return [*(share * clean.duration_s for share in shares), *files]


def kill_at(moment_s: float, clean: CleanRun) -> None:
    """Run everything anew in a child, and kill it where the clean run was at that moment.

    What has been written tells where a run is, and a clock the rest: a machine that is slow for a
    while does not shift the kill to another stage.
    """
    forget(clean.project)
    behind = bisect_right(clean.appeared_s, moment_s)
    child = run_in_child(clean.project)
    deadline = time.monotonic() + PATIENCE_S
    while child.is_alive() and len(list(whole_files(clean.project))) < behind:
        assert time.monotonic() < deadline, "the child hangs"
        time.sleep(0.003)
    child.join(moment_s - (clean.appeared_s[behind - 1] if behind else 0))
    child.kill()
    child.join()
    assert child.exitcode in (-signal.SIGKILL, 0), "killed, or done a little early"


def test_a_run_killed_at_any_point_resumes_and_ends_with_the_same_bytes(
    clean: CleanRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clean.project.root)
    killed_midway = []
    for moment_s in moments_s(clean):
        kill_at(moment_s, clean)
        left = results(clean.project)
        assert left.items() <= clean.results.items(), "what is there is whole"
        inodes = {name: Path(name).stat().st_ino for name in left if "/store/" in name}
        done = run_everything()
        for stage, summary in done.items():
            kept, all_of_it = shards(left, stage), shards(clean.results, stage)
            assert summary.computed == rows(all_of_it) - rows(kept), "whole shards are not lost"
            killed_midway += [stage] * (0 < len(kept) < len(all_of_it))
        assert results(clean.project) == clean.results
        assert not list(Path("data/store").rglob(".tmp-*")), "what was half-written is cleared"
        assert {n: Path(n).stat().st_ino for n in inodes} == inodes, "nor written again"
    assert len(set(killed_midway)) >= 4, f"kills hit the middle of {killed_midway} alone"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Enough recordings for two workers, listed."""
    project = make_project(tmp_path_factory.mktemp("large"))
    add_corpus(project, "c", utterances=600)
    project.set(store__target_rows__views=8)
    project.vcemo("manifest", "c")
    return project


def computed(output: str) -> int:
    found = re.search(r"(\d+) computed", output)
    assert found, output
    return int(found[1])


def test_workers_end_with_their_killed_parent(large: Project) -> None:
    child = subprocess.Popen(
        [BIN / "vcemo", "augment", "c", "--workers", "2"],
        cwd=large.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    folder = large.root / "data" / "store" / "views" / "c"
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and not any(folder.glob("0*.parquet")):
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)  # the parent alone, not its group
    child.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and group_is_alive(child.pid):
        time.sleep(0.2)
    assert not group_is_alive(child.pid)
    assert any(folder.glob("0*.parquet"))
    large.vcemo("augment", "c", "--workers", "2")
    assert computed(large.vcemo("augment", "c").stdout) == 0


def test_two_writers_of_one_folder_the_second_stops(large: Project) -> None:
    lock = large.root / "data" / "store" / "transcripts" / ".c.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):
        second = large.vcemo("asr", "c", check=False)
    assert second.returncode == 1
    assert "another process is writing here" in second.stderr


def group_is_alive(group: int) -> bool:
    """Whether a process of the group runs (a zombie that waits for its parent does not)."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False

"""A run killed with kill -9 goes on from whole shards, and ends with the same bytes."""

import io
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.projects import BIN, Project, add_corpus, make_project

POINTS = 24
UTTERANCES = 600


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("crash"))
    add_corpus(project, "c", utterances=UTTERANCES)
    project.set(store__target_rows__transcripts=8, store__target_rows__views=8)
    project.vcemo("manifest", "c")
    return project


def start(project: Project, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [BIN / "vcemo", *arguments],
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def results(project: Project) -> dict[str, bytes]:
    files = project.files("data/store/transcripts") | project.files("data/catalog/c")
    return {n: b for n, b in files.items() if "manifest" not in n and "/.tmp-" not in n}


def forget(project: Project) -> None:
    shutil.rmtree(project.root / "data" / "store" / "transcripts", ignore_errors=True)
    (project.root / "data" / "catalog" / "c" / "transcripts.json").unlink(missing_ok=True)


def computed(output: str) -> int:
    found = re.search(r"(\d+) computed", output)
    assert found, output
    return int(found[1])


def test_a_run_killed_at_any_point_resumes_and_ends_with_the_same_bytes(project: Project) -> None:
    started = time.monotonic()
    total = computed(project.vcemo("asr", "c").stdout)
    duration = time.monotonic() - started
    clean = results(project)
    killed_midway = 0
    for point in range(POINTS):
        forget(project)
        child = start(project, "asr", "c")
        time.sleep(duration * (point + 1) / (POINTS + 1))
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        left = results(project)
        assert left.items() <= clean.items(), "a shard that is there is whole"
        kept = sum(
            pq.read_metadata(io.BytesIO(b)).num_rows
            for n, b in left.items()
            if n.endswith("parquet")
        )
        killed_midway += 0 < kept < total
        assert computed(project.vcemo("asr", "c").stdout) == total - kept, (
            "only the shard in progress is lost"
        )
        assert results(project) == clean
    assert killed_midway >= 3, "some kills hit the middle of the writing"


def test_workers_end_with_their_killed_parent(project: Project) -> None:
    child = start(project, "augment", "c", "--workers", "2")
    folder = project.root / "data" / "store" / "views" / "c"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(folder.glob("0*.parquet")):
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)  # the parent alone, not its group
    child.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and group_is_alive(child.pid):
        time.sleep(0.2)
    assert not group_is_alive(child.pid)
    assert any(folder.glob("0*.parquet"))
    project.vcemo("augment", "c", "--workers", "2")
    assert computed(project.vcemo("augment", "c").stdout) == 0


def test_two_writers_of_one_folder_the_second_stops(project: Project) -> None:
    lock = project.root / "data" / "store" / "transcripts" / ".c.lock"
    from filelock import FileLock

    with FileLock(lock):
        second = project.vcemo("asr", "c", check=False)
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

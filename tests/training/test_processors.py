"""Processors are counted as this process may use them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from training.processors import processors

COUNT = "from training.processors import processors; print(processors())"


@pytest.mark.skipif(shutil.which("taskset") is None, reason="needs taskset of util-linux")
def test_a_process_kept_on_one_processor_counts_one():
    first = str(min(os.sched_getaffinity(0)))
    command = ["taskset", "-c", first, sys.executable, "-c", COUNT]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


def group(root: Path, limits: dict[str, str], own: str) -> tuple[Path, Path]:
    """A tree of control groups with their cpu.max, and the file that says which one is ours."""
    for name, limit in limits.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "cpu.max").write_text(limit)
    (root / "membership").write_text(f"1:cpu:/old\n0::{own}\n")
    return root / "membership", root


@pytest.mark.parametrize(
    ("limits", "own", "found"),
    [
        ({".": "max 100000\n"}, "/", 8),
        ({".": "200000 100000\n"}, "/", 2),
        ({".": "150000 100000\n"}, "/", 2),
        ({".": "20000 100000\n"}, "/", 1),
        ({".": "900000 100000\n"}, "/", 8),
        ({"a/b": "max 100000\n", "a": "300000 100000\n"}, "/a/b", 3),
        ({"a/b": "100000 50000\n", "a": "300000 100000\n"}, "/a/b", 2),
        ({"c": "100000 100000\n"}, "/a/b", 8),
    ],
)
def test_the_least_share_of_the_groups_around_a_process_limits_it(
    tmp_path, monkeypatch, limits, own, found
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert processors(*group(tmp_path, limits, own)) == found


def test_where_there_are_no_control_groups_there_is_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 6}, raising=False)
    assert processors(tmp_path / "none", tmp_path) == 3
    (tmp_path / "membership").write_text("1:cpu:/\n")  # version 1 alone
    assert processors(tmp_path / "membership", tmp_path) == 3


def test_without_affinity_all_processors_count(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert processors(tmp_path / "none", tmp_path) == os.cpu_count()

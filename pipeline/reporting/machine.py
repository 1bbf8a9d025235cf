"""When and on what a page was made: for a page to pass on, never for one that DVC keeps."""

import csv
import os
import platform
import subprocess
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from pipeline import layout

PACKAGES = ("torch", "numpy", "pyarrow", "duckdb", "dvc", "transformers", "spacy", "librosa")


def machine_facts(runs: list[str]) -> dict[str, str]:
    """What there is to say, by name."""
    return dict(_facts(runs))


def _facts(runs: list[str]) -> Iterator[tuple[str, str]]:
    commit = _said("git", "rev-parse", "HEAD")
    changed = _said("git", "status", "--porcelain", "--untracked-files=no")
    yield "commit", (commit or "no git") + (", with changes that are not committed" * bool(changed))
    yield "made", _time(datetime.now().timestamp())
    yield "Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield "packages", ", ".join(f"{name} {found}" for name, found in _versions())
    yield "processor", f"{_processor()}, {os.cpu_count()} processors, {_memory_gib():.0f} GiB"
    if gpu := _said("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"):
        yield "GPU", gpu
    for run in runs:
        if times := [p.stat().st_mtime for p in layout.run(run).glob("*/history.csv")]:
            models = f"{len(times)} model{'s' * (len(times) > 1)}"
            yield f"trained: {run}", f"{models}, done {_time(max(times))}{_speed(run)}"


def _speed(run: str) -> str:
    """What the log of a training on this machine says of its speed."""
    path = layout.speed(run)
    if not path.exists():
        return ""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return ""
    rate = median(float(row["utterances_per_s"]) for row in rows)
    memory = max(float(row["memory_mib"]) for row in rows)
    return f"; {rate:.0f} utterances a second and process, {memory:.0f} MiB"


def _versions() -> Iterator[tuple[str, str]]:
    for name in PACKAGES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or "unknown"


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M %Z")

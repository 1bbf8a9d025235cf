"""The training folder is enough, with torch, numpy, pyarrow and safetensors beside it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from training.settings import to_json

ROOT = Path(__file__).parents[2]

# Our code may import these packages and the standard library, inside functions too. What torch and
# numpy look for on their own account is theirs, as long as it is none of what the project brings.
GUARD = """
import builtins, sys

ALLOWED = {"training", "torch", "numpy", "pyarrow", "safetensors"}
real = builtins.__import__

def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "__main__").partition(".")[0]
    package = name.partition(".")[0]
    ours = importer in ("training", "__main__", "__mp_main__")
    if ours and level == 0 and package not in ALLOWED | set(sys.stdlib_module_names):
        raise ImportError(f"{importer} may not import {name}")
    if package in BLOCKED:
        raise ImportError(f"{name} is blocked")
    return real(name, globals, locals, fromlist, level)

BLOCKED = {"features", "pipeline", "pydantic", "pandas", "sklearn", "scipy", "librosa", "soundfile",
           "torchaudio", "transformers", "spacy", "duckdb", "typer", "rich", "yaml", "ruamel",
           "matplotlib", "numba", "filelock", "dvc"}
builtins.__import__ = guarded
"""


@pytest.fixture
def alone(tmp_path, cache_dir, run_settings):
    """A copy of training/ and of a cache with a run file; imports guarded in every process."""
    shutil.copytree(
        ROOT / "training", tmp_path / "training", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(cache_dir, tmp_path / "cache")
    (tmp_path / "run.json").write_text(to_json(run_settings))
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    return tmp_path


def call(folder, *arguments):
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def train(folder, *more):
    where = ["--cache", "cache", "--run", "run.json", "--out", "out", "--device", "cpu"]
    return call(folder, "-m", "training", "all", *where, *more)


def test_training_and_evaluation_run_with_four_packages(alone):
    result = train(alone, "--workers", "2")
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)) == {"wa", "ua", "f1_weighted", "f1_macro"}
    made = {p.name for p in (alone / "out").iterdir()}
    files = {"predictions.parquet", "metrics.json", "confusion.csv", "curves.csv", "speed.csv"}
    assert made == {"folds", *files}
    assert (alone / "out" / "folds").is_dir()


def test_the_guard_does_guard(alone):
    (alone / "training" / "losses.py").write_text("import pydantic\n")
    result = train(alone)
    assert result.returncode != 0
    assert "may not import pydantic" in result.stderr


def test_an_error_in_the_data_is_one_line(alone):
    (alone / "cache" / "meta.json").unlink()
    result = train(alone)
    assert result.returncode == 1
    assert result.stderr.startswith("error: cache/meta.json is missing")
    assert len(result.stderr.splitlines()) == 1


def test_a_missing_run_file_is_one_line(alone):
    (alone / "run.json").unlink()
    result = train(alone)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "run.json" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_settings_are_read_without_torch(alone):
    code = "import sys, training.settings; sys.exit('torch' in sys.modules)"
    assert call(alone, "-c", code).returncode == 0

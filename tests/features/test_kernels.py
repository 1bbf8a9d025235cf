"""Where numba keeps its compiled code: never in the project, and once per machine."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = """
import numpy as np
from features.kernels import compiled
from features.vocoder import _overlap_add
signal = np.zeros(700, np.float32)
compiled(_overlap_add)(np.ones((3, 2048), np.float32), np.full(2048, 2, np.float32), signal)
assert signal.tolist() == [0.5] * 700
"""


def run_in_a_new_process(**environment: str) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    subprocess.run([sys.executable, "-c", CODE], check=True, cwd=ROOT, env=kept | environment)
    assert not list((ROOT / "features").rglob("*.nb?"))


def kept_code(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb?")}


def test_compiled_code_is_kept_and_used_again(tmp_path: Path):
    run_in_a_new_process(XDG_CACHE_HOME=str(tmp_path))
    kept = kept_code(tmp_path / "vcemo" / "numba")
    assert len(kept) == 2  # an index and the code
    run_in_a_new_process(XDG_CACHE_HOME=str(tmp_path))
    assert kept_code(tmp_path) == kept


def test_a_place_that_the_user_names_is_respected(tmp_path: Path):
    run_in_a_new_process(NUMBA_CACHE_DIR=str(tmp_path))
    assert len(kept_code(tmp_path)) == 2


def test_without_a_writable_place_loops_are_compiled_all_the_same(tmp_path: Path):
    occupied = tmp_path / "file"
    occupied.touch()
    run_in_a_new_process(XDG_CACHE_HOME=str(occupied))

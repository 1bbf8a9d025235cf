"""A run over a cache that is several times larger than the memory it may take."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.settings import to_json

ROOT = Path(__file__).parents[2]
UTTERANCES, FRAMES, BINS = 192, 16_384, 80
CACHE = UTTERANCES * FRAMES * BINS * 2  # bytes of float16: 503 MB
ROOM = CACHE // 4
# The limit counts memory that belongs to the process: of the heap, anonymous, or mapped from a file
# so that it could be written to. Pages of a file that is only read the system can drop, so they
# are not counted. It is set after a run over a small cache, on top of what that took.
RUN = """
import resource, sys
import training.cache
from training.__main__ import main
room, small, large, out, *told = sys.argv[1:]
assert main([*told, "--cache", small, "--out", out + "/small"]) == 0
with open("/proc/self/status") as status:
    kib = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
limit = 1024 * kib + int(room)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
{change}
sys.exit(main([*told, "--cache", large, "--out", out + "/large"]))
"""
COPIED = """
mapped = training.cache.map_tensors
training.cache.map_tensors = lambda path: {n: x.clone() for n, x in mapped(path).items()}
"""


@pytest.mark.slow  # two processes that train over half a gigabyte
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells and limits it so"
)
def test_a_run_has_room_in_a_quarter_of_the_size_of_its_cache_and_a_copy_of_it_has_not(
    cache_dir, make_cache, rewrite_meta, run_settings, tmp_path
):
    small = shutil.copytree(cache_dir, tmp_path / "small")
    large = make_cache(utterances=UTTERANCES, n_mels=BINS, views=())
    _lengthen(large)
    rewrite_meta(large, utterances=UTTERANCES, rows=UTTERANCES, n_mels=BINS)
    model = replace(run_settings.model, frames_per_step=512)  # little to compute
    training = replace(run_settings.training, epochs=1, batch_size=2, views=(), view_probability=0)
    run = replace(run_settings, modalities=("audio",), model=model, training=training)
    (tmp_path / "run.json").write_text(to_json(run))

    def start(change: str, out: Path) -> subprocess.CompletedProcess[str]:
        told = ["all", "--device", "cpu", "--workers", "1", "--run", str(tmp_path / "run.json")]
        command = [sys.executable, "-c", RUN.replace("{change}", change), str(ROOM)]
        command += [str(small), str(large), str(out), *told]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    copied = start(COPIED, tmp_path / "copied")
    assert copied.returncode != 0
    assert "memory" in copied.stderr
    done = start("", tmp_path / "mapped")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mapped" / "large" / "predictions.parquet").is_file()


def _lengthen(cache: Path) -> None:
    """Rows of many frames in place of those of a few; all 0, a hole in the file."""
    mel = {
        "offsets": np.arange(UTTERANCES + 1, dtype=np.int64) * FRAMES,
        "sum": np.zeros((UTTERANCES, BINS)),
        "sum_squares": np.zeros((UTTERANCES, BINS)),
    }
    entries, end = {}, 0
    for name, x in mel.items():
        kind = {"int64": "I64", "float64": "F64"}[str(x.dtype)]
        entries[name] = {"dtype": kind, "shape": x.shape, "data_offsets": [end, end + x.nbytes]}
        end += x.nbytes
    shape = [UTTERANCES * FRAMES, BINS]
    entries["values"] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + CACHE]}
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with (cache / "mel.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.writelines(x.tobytes() for x in mel.values())
        file.truncate(8 + len(header) + end + CACHE)
    index = pq.read_table(cache / "index.parquet")
    at = index.column_names.index("frames")
    frames = pa.array(np.full(UTTERANCES, FRAMES, np.int32))
    pq.write_table(index.set_column(at, "frames", frames), cache / "index.parquet")

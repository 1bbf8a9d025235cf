"""What the manifest of a large corpus costs: the first run, a second one, and one that verifies.

    python tests/benchmarks/manifest_scale.py [--files 100000] [--workers 2]

Makes a corpus of that many recordings (half a second each, no two alike) with a table of speakers,
labels and transcripts in a temporary folder, and runs `vcemo manifest` on it in processes of their
own: seconds, peak memory, and whether the manifests are equal byte for byte.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.projects import BIN, LABELS, make_project  # noqa: E402

RATE_HZ = 16000
HEADER = (
    b"RIFF\x24\x3e\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80>\x00\x00\x00}\x00\x00"
    b"\x02\x00\x10\x00data\x00>\x00\x00"
)


def make_corpus(folder: Path, files: int) -> None:
    """Half a second of noise each, cut from one long draw so that the generator is not the cost."""
    noise = np.random.default_rng(0).normal(0, 3000, RATE_HZ + files).astype("<i2")
    lines = ["path,speaker,label,transcript,split"]
    for i in range(files):
        name = f"speaker{i % 100:03d}/{i:06d}.wav"
        path = folder / name
        if i < 100:
            path.parent.mkdir(parents=True)
        path.write_bytes(HEADER + noise[i : i + RATE_HZ // 2 - 64].tobytes())
        part = ("train", "val", "test")[i % 3]
        lines.append(f"{name},s{i % 100},{LABELS[i % 4]},this is sentence number {i},{part}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")


def measure(root: Path, *options: str) -> tuple[float, float, str, str]:
    """Seconds, peak MiB, files read and a digest of the manifest of one run."""
    started = time.perf_counter()
    code = (
        "import sys, resource; from pipeline.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "finally: print('MiB', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    command = [str(BIN / "python"), "-c", code, "manifest", "big", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True)
    seconds = time.perf_counter() - started
    told = done.stdout.decode()
    read = told.split(" files read")[0].split()[-1]
    content = (root / "data" / "manifest" / "big.parquet").read_bytes()
    return seconds, float(told.split("MiB")[1]), read, hashlib.md5(content).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    table = Table("run", "files read", "s", "peak MiB", "manifest")
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder, "project"))
        project.set(corpora={"big": {"reader": "table", "path": "data/raw/big", "language": "en"}})
        make_corpus(project.root / "data" / "raw" / "big", options.files)
        workers = ("--workers", str(options.workers))
        for name, more in (("first", ()), ("second", ()), ("--verify", ("--verify",))):
            seconds, mib, read, digest = measure(project.root, *workers, *more)
            table.add_row(name, f"{int(read):,}", f"{seconds:.1f}", f"{mib:.0f}", digest[:12])
    Console().print(table)


if __name__ == "__main__":
    main()

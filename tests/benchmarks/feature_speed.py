"""Recordings to log-mel rows of the original and three views: ours against plain librosa calls.

    python tests/benchmarks/feature_speed.py [--corpus DIR] [--files N] [--processes P]

Four ways over the same files, in turn and in one run, so that a busy machine slows all alike:

* plain: a loop of librosa calls as one writes it in a notebook (load, pitch_shift, time_stretch,
  feature.melspectrogram with our mel parameters, log), one Parquet table with pyarrow's defaults;
* views: the same work by this project's functions, log-mel as the store writes it;
* store: besides, each view is encoded as FLAC, written to Parquet, read back and decoded before its
  log-mel, as the stages augment and mel do. The plain loop keeps no views;
* libraries: nothing but the calls of "views" into libraries, on arrays of the same shapes: decoding
  by libsndfile, transforms by torch, resampling by soxr, writing by pyarrow. What it makes has no
  meaning. It shows how fast "views" could become if all code of this project took no time.

Imports and compiling are paid before the clock starts and shown apart (views comes first and pays
for both of ours). One process is compared by the processor's seconds, which other programs on the
machine disturb least, on one core (OMP_NUM_THREADS=1). With --processes P ours runs in P processes
against the plain loop in one, by the clock.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy starts its threads

import argparse
import functools
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from features import vocoder
from features.audio import decode_flac, encode_flac, read_audio
from features.augment import (
    AugmentParams,
    NoiseParams,
    PitchParams,
    StretchParams,
    apply_recipes,
    draw_recipes,
)
from features.mel import MelParams, log_mel

RATE_HZ = 16000
MEL = MelParams(512, 25.0, 10.0, 80, 0.0, 8000.0, 1e-6)
AUGMENT = AugmentParams(NoiseParams(30.0), PitchParams(2.0), StretchParams(0.9, 1.1))
SHARD = 64  # utterances
STOCK = 1 << 22  # numbers that `libraries` works on: enough for recordings of a minute
VIEWS = ("original", "noise", "pitch", "stretch")

Work = Callable[[Sequence[Path], Path], None]  # some files -> one shard at a path


def plain(files: Sequence[Path], out: Path) -> None:
    import librosa

    ids, views, rows = [], [], []
    for file in files:
        noise, pitch, stretch = draw_recipes(file.stem, AUGMENT)
        x, _ = librosa.load(file, sr=RATE_HZ)
        gaussian = np.random.default_rng(noise.seed).standard_normal(x.size)
        scale = np.sqrt(np.mean(x**2) / 10 ** (noise.snr_db / 10))
        signals = [
            x,
            (x + scale * gaussian).astype(np.float32),
            librosa.effects.pitch_shift(x, sr=RATE_HZ, n_steps=pitch.semitones),
            librosa.effects.time_stretch(x, rate=stretch.rate),
        ]
        for view, signal in zip(VIEWS, signals, strict=True):
            mel = librosa.feature.melspectrogram(
                y=signal,
                sr=RATE_HZ,
                n_fft=MEL.n_fft,
                win_length=400,
                hop_length=160,
                n_mels=MEL.n_mels,
                fmin=MEL.f_min_hz,
                fmax=MEL.f_max_hz,
                htk=True,
                norm=None,
            )
            ids.append(file.stem)
            views.append(view)
            rows.append(np.log(np.maximum(mel, MEL.floor)).T.ravel())
    pq.write_table(pa.table({"utt_id": ids, "view": views, "mel": rows}), out)


def ours(files: Sequence[Path], out: Path) -> None:
    rows = []
    for file in files:
        x = read_audio(file, RATE_HZ)
        for signal in (x, *apply_recipes(x, RATE_HZ, draw_recipes(file.stem, AUGMENT))):
            rows.append(log_mel(signal, RATE_HZ, MEL))
    write_mel([file.stem for file in files], rows, out)


def ours_stored(files: Sequence[Path], out: Path) -> None:
    table = out.with_suffix(".views")
    flac = []
    for file in files:
        x = read_audio(file, RATE_HZ)
        for signal in apply_recipes(x, RATE_HZ, draw_recipes(file.stem, AUGMENT)):
            flac.append(encode_flac(signal, RATE_HZ))
    pq.write_table(pa.table({"flac": pa.array(flac, pa.binary())}), table, compression="none")
    stored = iter(pq.read_table(table)["flac"].to_pylist())
    rows = []
    for file in files:
        rows.append(log_mel(read_audio(file, RATE_HZ), RATE_HZ, MEL))
        rows.extend(log_mel(decode_flac(next(stored))[0], RATE_HZ, MEL) for _ in VIEWS[1:])
    write_mel([file.stem for file in files], rows, out)


def libraries(files: Sequence[Path], out: Path) -> None:
    import soundfile
    import soxr
    import torch

    rows = []
    for file in files:
        _, pitch, stretch = draw_recipes(file.stem, AUGMENT)
        samples = len(soundfile.read(file, dtype="int16")[0])
        rate = 2.0 ** (-pitch.semitones / 12)
        frames = 1 + samples // vocoder.HOP
        torch.fft.rfft(some("float64", frames, vocoder.FRAME))
        for slower in (rate, stretch.rate):
            torch.fft.irfft(some("complex64", math.ceil(frames / slower), vocoder.BINS))
        soxr.resample(some("float32", round(samples / rate)).numpy(), RATE_HZ / rate, RATE_HZ)
        for length in (samples, samples, samples, round(samples / stretch.rate)):
            frames = 1 + length // 160
            torch.fft.rfft(some("float32", frames, MEL.n_fft))
            rows.append(some("float16", frames, MEL.n_mels, start=len(rows) << 16).numpy())
    write_mel([file.stem for file in files], rows, out)


def some(dtype: str, *shape: int, start: int = 0) -> Any:
    """Normal deviates, from a stock that is made once."""
    size = math.prod(shape)
    start %= STOCK - size
    return stock(dtype)[start : start + size].reshape(shape)


@functools.cache
def stock(dtype: str) -> Any:
    import torch

    numbers = torch.from_numpy(np.random.default_rng(0).standard_normal(STOCK))
    return numbers.to(getattr(torch, dtype))


def write_mel(ids: Sequence[str], rows: Sequence[np.ndarray], out: Path) -> None:
    offsets = np.cumsum([0] + [row.size for row in rows], dtype=np.int32)
    values = pa.array(np.concatenate([row.ravel() for row in rows]))
    mel = pa.ListArray.from_arrays(
        offsets, values, type=pa.list_(pa.field("element", pa.float16(), nullable=False))
    )
    text = pa.field("utt_id", pa.string(), nullable=False)
    schema = pa.schema([text, text.with_name("view"), pa.field("mel", mel.type, nullable=False)])
    columns = [np.repeat(ids, len(VIEWS)).tolist(), list(VIEWS) * len(ids), mel]
    pq.write_table(
        pa.table(columns, schema=schema),
        out,
        compression="zstd",
        compression_level=1,
        use_dictionary=False,
        write_statistics=["utt_id", "view"],
        data_page_version="2.0",
    )


Clock = Callable[[], float]


def timed(work: Work, shards: Sequence[Sequence[Path]], out: Path, clock: Clock) -> float:
    start = clock()
    for number, files in enumerate(shards):
        work(files, out / f"{work.__name__}-{number}.parquet")
    return clock() - start


def timed_in(
    pool: ProcessPoolExecutor, work: Work, shards: Sequence[Sequence[Path]], out: Path
) -> float:
    places = [out / f"{work.__name__}-{number}.parquet" for number in range(len(shards))]
    start = time.perf_counter()
    list(pool.map(work, shards, places))
    return time.perf_counter() - start


def warm(pool: ProcessPoolExecutor, files: Sequence[Path], processes: int, out: Path) -> None:
    """Give every process of the pool something long enough to do that none is left out."""
    jobs = [files[:1]] * 8 * processes
    list(pool.map(ours_stored, jobs, [out / f"warm-{n}.parquet" for n in range(len(jobs))]))


def speech_like(folder: Path, n: int) -> list[Path]:
    """Voiced syllables over a little noise, 2 to 3.5 s at 16 kHz, written as 16-bit WAV."""
    import soundfile

    rng = np.random.default_rng(0)
    files = []
    for number in range(n):
        seconds = np.arange(int(RATE_HZ * rng.uniform(2, 3.5))) / RATE_HZ
        pitch_hz = rng.uniform(90, 250) * (1 + 0.2 * np.sin(2 * np.pi * 0.7 * seconds))
        phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
        voice = sum(np.sin(k * phase) / k for k in range(1, 25))
        syllables = np.clip(np.sin(2 * np.pi * rng.uniform(1.5, 2.5) * seconds), 0, 1)
        x = 0.2 * voice * syllables + 0.001 * rng.standard_normal(seconds.size)
        files.append(folder / f"{number:04}.wav")
        soundfile.write(files[-1], x, RATE_HZ, subtype="PCM_16")
    return files


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="a folder of WAV files (default: synthetic)")
    parser.add_argument("--files", type=int, default=64)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def measure(
    files: Sequence[Path], out: Path, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds per repeat of each way; the ways take turns within a repeat."""
    size = min(SHARD, -(-len(files) // (2 * options.processes)))
    shards = [files[i : i + size] for i in range(0, len(files), size)]
    ways = {"views": ours, "store": ours_stored, "libraries": libraries}
    seconds: dict[str, list[float]] = {"plain": [], **{name: [] for name in ways}}
    clock = time.process_time if options.processes == 1 else time.perf_counter
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        if options.processes > 1:
            warm(pool, files, options.processes, out)
        for _ in range(options.repeats):
            seconds["plain"].append(timed(plain, shards, out, clock))
            for name, work in ways.items():
                if options.processes > 1:
                    seconds[name].append(timed_in(pool, work, shards, out))
                else:
                    seconds[name].append(timed(work, shards, out, clock))
    return seconds


def report(
    seconds: dict[str, list[float]], starts: dict[str, float], files: int, processes: int
) -> None:
    table = Table(title=f"{files} recordings, original + 3 views, ours in {processes} process(es)")
    for column in ("way", "first call, s", "ms per recording", "times as fast as plain"):
        table.add_column(column, justify="right")
    for name, values in seconds.items():
        ratios = [a / b for a, b in zip(seconds["plain"], values, strict=True)]
        table.add_row(
            name,
            f"{starts[name]:.2f}",
            f"{1000 * median(values) / files:.2f}",
            f"{median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})",
        )
    Console().print(table)


def recordings(options: argparse.Namespace, folder: Path) -> Iterator[Path]:
    if options.corpus is None:
        yield from speech_like(folder, options.files)
    else:
        yield from sorted(options.corpus.rglob("*.wav"))[: options.files]


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        files = list(recordings(options, out))
        ways = {"views": ours, "store": ours_stored, "libraries": libraries, "plain": plain}
        starts = {
            name: timed(work, [files[:1]], out, time.perf_counter) for name, work in ways.items()
        }
        seconds = measure(files, out, options)
        report(seconds, starts, len(files), options.processes)


if __name__ == "__main__":
    main()

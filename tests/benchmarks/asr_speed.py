"""How fast texts are made: the stage asr against its rivals, BERT and words against plain loops.

    python tests/benchmarks/asr_speed.py asr --corpus data/raw/emodb      # any folder of wav files
    python tests/benchmarks/asr_speed.py processes --corpus data/raw/emodb   # on a free machine
    python tests/benchmarks/asr_speed.py text
    python tests/benchmarks/asr_speed.py gpu       # needs a GPU: batches of a large-v3-sized model

`asr` uses a tiny Whisper in the real format, so it measures what is around the model: loading,
starting, reading, cutting, writing. Rounds alternate; the least time counts.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from dataclasses import asdict, replace  # noqa: E402

from features.bert import BertParams  # noqa: E402
from tests import projects, tiny_models  # noqa: E402
from tests.features.test_asr import PARAMS, noise  # noqa: E402

ROUNDS = 3
MODEL = "data/models/tiny"
EACH = """
import sys
from faster_whisper import WhisperModel
whisper = WhisperModel(sys.argv[1], "cpu", compute_type="float32", cpu_threads=1)
same = {"temperature": 0.0, "without_timestamps": True, "condition_on_previous_text": False}
for path in sys.argv[2:]:
    segments, _ = whisper.transcribe(path, language="de", beam_size=1, **same)
    list(segments)
"""
ENCODE = """
import sys
import numpy as np
from faster_whisper import WhisperModel
whisper = WhisperModel(sys.argv[1], "cpu", compute_type="int8", cpu_threads=1)
for _ in range(40):
    whisper.encode(np.zeros((80, 3000), np.float32))
"""


def least(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one round."""
    start = clock()
    run()
    return clock() - start


def measure(
    runs: dict[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """The least seconds of each run, in turns."""
    times = [{name: least(run, clock) for name, run in runs.items()} for _ in range(rounds)]
    return {name: min(t[name] for t in times) for name in runs}


def make_stage(
    folder: Path, found: list[Path], make_model: Callable[[Path], Path], compute_type: str
) -> Callable[[int], None]:
    """A project with these recordings and a Whisper; returns its stage, run by so many workers."""
    project = projects.make_project(folder / "project")
    raw = project.root / "data" / "raw" / "c"
    raw.mkdir(parents=True)
    for path in found:
        shutil.copy(path, raw / path.name)
    (raw / "metadata.csv").write_text("path\n" + "\n".join(p.name for p in found) + "\n")
    make_model(project.root / MODEL)
    source = asdict(replace(PARAMS, model=MODEL, language="de", compute_type=compute_type))
    source["doubt"]["temperatures"] = []
    entry = {"reader": "table", "path": "data/raw/c", "language": "de"}
    project.set(corpora={"c": entry}, asr__sources={"tiny": source})
    project.vcemo("manifest", "c")

    def stage(workers: int) -> None:
        shutil.rmtree(project.root / "data" / "store", ignore_errors=True)
        project.vcemo("asr", "c", "--workers", str(workers), "--device", "cpu")

    return stage


def asr(corpus: Path, files: int, commands: int, rounds: int) -> None:
    """The stage against one `transcribe` per file, and against the command per file."""
    found = sorted(corpus.rglob("*.wav"))[:files]
    with tempfile.TemporaryDirectory() as folder:
        stage = make_stage(Path(folder), found, tiny_models.fit_tones, "float32")
        model = Path(folder) / "project" / MODEL

        def each() -> None:
            program = [sys.executable, "-c", EACH, str(model), *map(str, found)]
            subprocess.run(program, check=True)

        def command() -> None:
            program = str(projects.BIN / "whisper-ctranslate2")
            common = (
                "--device cpu --compute_type float32 --threads 1 --beam_size 1 --language de "
                "--temperature 0 --temperature_increment_on_fallback None"
            )
            for path in found[:: max(1, len(found) // commands)][:commands]:
                subprocess.run(
                    [program, str(path), "--model_directory", str(model), *common.split()],
                    cwd=folder,
                    check=True,
                    capture_output=True,
                    env=os.environ | {"HF_HUB_OFFLINE": "1"},
                )

        runs: dict[str, Callable[[], object]] = {
            "stage": lambda: stage(1),
            "transcribe() per file": each,
            f"command per file ({commands} of them)": command,
        }
        took = measure(runs, rounds)
        per_file = {
            name: t / (commands if name.startswith("command") else len(found))
            for name, t in took.items()
        }
        tell(found)
        for name, t in per_file.items():
            ratio = t / per_file["stage"]
            print(f"{name:32} {1000 * t:9.1f} ms per file   {ratio:6.2f} x the stage's")


def processes(corpus: Path, files: int, rounds: int) -> None:
    """The stage by one process and by two, start included; and what the machine itself gives.

    The model has the size of Whisper tiny, in int8, and ends right after the prompt's four tokens,
    so that nearly all of the time is the encoder's, as with a real one.
    """
    found = sorted(corpus.rglob("*.wav"))[:files]
    make = partial(tiny_models.make_whisper, dim=384, layers=4, heads=6, tokens=4)
    with tempfile.TemporaryDirectory() as folder:
        stage = make_stage(Path(folder), found, make, "int8")
        model = str(Path(folder) / "project" / MODEL)

        def loops(count: int) -> None:
            """So many programs at once, each of which only encodes."""
            loop = [sys.executable, "-c", ENCODE, model]
            for program in [subprocess.Popen(loop) for _ in range(count)]:
                assert program.wait() == 0

        took = measure(
            {
                "stage, 1 process": lambda: stage(1),
                "stage, 2 processes": lambda: stage(2),
                "1 encoding loop": lambda: loops(1),
                "2 encoding loops": lambda: loops(2),
            },
            rounds,
        )
    tell(found)
    for name, t in took.items():
        print(f"{name:32} {t:9.1f} s")
    ratio = took["stage, 1 process"] / took["stage, 2 processes"]
    limit = 2 * took["1 encoding loop"] / took["2 encoding loops"]
    print(f"two processes: {ratio:.2f} times one (two separate loops on this machine: {limit:.2f})")


def tell(found: list[Path]) -> None:
    """What was measured on, and how busy the machine is."""
    seconds = sum(soundfile.info(path).duration for path in found)
    print(f"{len(found)} files, {seconds:.0f} s of audio, load {os.getloadavg()[0]:.1f}")


def text() -> None:
    """BERT by length against batches as they come; vectors by row against `token.vector`.

    On one thread, in seconds of the processor: other programs hardly change those.
    """
    import spacy
    import torch

    from features import bert, words

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    texts = [" ".join(rng.choice(letters, n)) for n in rng.integers(2, 100, 256)]
    with tempfile.TemporaryDirectory() as folder:
        path = tiny_models.make_bert(
            Path(folder) / "bert", letters, dim=384, layers=6, positions=128
        )
        encoder = bert.load(path)
        params = BertParams({}, 120, 8, "float32", tokens=False, allow_pickle=False)

        def unsorted() -> None:
            for start in range(0, len(texts), 16):
                batch = encoder.tokenizer(
                    texts[start : start + 16], padding=True, return_tensors="pt"
                )
                with torch.inference_mode():
                    encoder.model(**batch)

        took = measure(
            {"sorted": lambda: bert.embed(texts, encoder, params), "unsorted": unsorted},
            ROUNDS,
            time.process_time,
        )
        rates = ", ".join(f"{name} {len(texts) / t:.0f} texts/s" for name, t in took.items())
        print(f"BERT 6 x 384: {rates}, {took['unsorted'] / took['sorted']:.2f} times as fast")

        vocabulary = [f"w{i}" for i in range(5000)]
        model = tiny_models.make_vectors(Path(folder) / "words", "en", vocabulary, dim=300)
        vectoriser, nlp = words.load(model, "en", "model"), spacy.load(model)
        spoken = [" ".join(rng.choice(vocabulary, 12)) for _ in range(2000)]
        docs = [nlp.make_doc(t) for t in spoken]
        tokens = [[token.text for token in doc] for doc in docs]

        def rows() -> None:
            known = replace(vectoriser, tokenize=lambda text: text)  # type: ignore[arg-type]
            for start in range(0, len(tokens), 256):  # as many as the stage hands over
                words.embed_each(tokens[start : start + 256], known)  # type: ignore[arg-type]

        def stacked() -> None:
            for doc in docs:
                np.stack([token.vector for token in doc])

        took = measure({"rows": rows, "token.vector": stacked}, ROUNDS, time.process_time)
        count = sum(map(len, tokens))
        rates = ", ".join(f"{name} {count / t / 1e6:.2f} M tokens/s" for name, t in took.items())
        print(f"words: {rates}, {took['token.vector'] / took['rows']:.2f} times as fast")


def gpu(path: Path | None) -> None:
    """Windows per second of a random model of large-v3's size, by the batch."""
    from features.asr import transcribe
    from features.whisper.model import load

    with tempfile.TemporaryDirectory() as folder:
        place = path or Path(folder) / "large"
        if not place.exists():
            tiny_models.make_whisper(place, dim=1280, layers=32, heads=20, mels=128)
        whisper = load(place, "float16", device="cuda:0")
        sounds = [noise(8.0, seed) for seed in range(64)]
        params = replace(PARAMS, compute_type="float16", language="zh", beam_size=5)
        told = ["zh"] * len(sounds)
        for batch in (1, 8, 16, 32):
            run = partial(transcribe, sounds, whisper, params, told, batch_size=batch)
            run()
            took = min(least(run) for _ in range(ROUNDS))
            print(f"batch {batch:2}: {len(sounds) * 8 / took:8.1f} s of audio per second")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["asr", "processes", "text", "gpu"])
    parser.add_argument("--corpus", type=Path, default=Path("data/raw/emodb"))
    parser.add_argument("--files", type=int, default=339)
    parser.add_argument("--commands", type=int, default=4, help="files for the command")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--model", type=Path, help="gpu: where the model is kept")
    options = parser.parse_args()
    if options.what == "asr":
        asr(options.corpus, options.files, options.commands, options.rounds)
    elif options.what == "processes":
        processes(options.corpus, options.files, options.rounds)
    elif options.what == "text":
        text()
    else:
        gpu(options.model)


if __name__ == "__main__":
    main()

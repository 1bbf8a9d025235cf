"""How fast texts are made: the stage asr against its rivals, BERT and words against plain loops.

    python tests/benchmarks/asr_speed.py asr --corpus data/raw/emodb      # any folder of wav files
    python tests/benchmarks/asr_speed.py text
    python tests/benchmarks/asr_speed.py gpu       # needs a GPU: batches of a large-v3-sized model

`asr` uses a tiny Whisper in the real format, so it measures what is around the model: loading,
starting, reading, cutting, writing. Rounds alternate; the least time counts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from dataclasses import asdict, replace  # noqa: E402

from features.bert import BertParams  # noqa: E402
from tests import projects, tiny_models  # noqa: E402
from tests.features.test_asr import PARAMS, noise  # noqa: E402

ROUNDS = 3
EACH = """
import sys
from faster_whisper import WhisperModel
whisper = WhisperModel(sys.argv[1], "cpu", compute_type="float32", cpu_threads=1)
same = {"temperature": 0.0, "without_timestamps": True, "condition_on_previous_text": False}
for path in sys.argv[2:]:
    segments, _ = whisper.transcribe(path, language="de", beam_size=1, **same)
    list(segments)
"""


def least(run: Callable[[], object]) -> float:
    """Seconds of one round."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The least seconds of each run, in turns."""
    times = [{name: least(run) for name, run in runs.items()} for _ in range(rounds)]
    return {name: min(t[name] for t in times) for name in runs}


def asr(corpus: Path, files: int, commands: int, rounds: int, *, real_size: bool) -> None:
    """The stage, with one process and two; one `transcribe` per file; the command per file."""
    import shutil

    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        project = projects.make_project(Path(folder) / "project")
        raw = project.root / "data" / "raw" / "c"
        raw.mkdir(parents=True)
        found = sorted(corpus.rglob("*.wav"))[:files]
        for path in found:
            shutil.copy(path, raw / path.name)
        (raw / "metadata.csv").write_text("path\n" + "\n".join(p.name for p in found) + "\n")
        place = project.root / "data" / "models" / "tiny"
        if real_size:
            model = tiny_models.make_whisper(place, dim=384, layers=4, heads=6)
        else:
            model = tiny_models.fit_tones(place)
        source = asdict(replace(PARAMS, model="data/models/tiny", language="de"))
        source["doubt"]["temperatures"] = []
        entry = {"reader": "table", "path": "data/raw/c", "language": "de"}
        project.set(corpora={"c": entry}, asr__sources={"tiny": source})
        project.vcemo("manifest", "c")
        seconds = sum(soundfile.info(path).duration for path in found)

        def stage(workers: int) -> None:
            shutil.rmtree(project.root / "data" / "store", ignore_errors=True)
            project.vcemo("asr", "c", "--workers", str(workers), "--device", "cpu")

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
            "stage, 1 process": lambda: stage(1),
            "stage, 2 processes": lambda: stage(2),
        }
        if not real_size:
            runs["transcribe() per file"] = each
            runs[f"command per file ({commands} of them)"] = command
        took = measure(runs, rounds)
        per_file = {
            name: t / (commands if name.startswith("command") else len(found))
            for name, t in took.items()
        }
        base = per_file["stage, 1 process"]
        print(f"{len(found)} files, {seconds:.0f} s of audio, load {os.getloadavg()[0]:.1f}")
        for name, t in per_file.items():
            print(f"{name:32} {1000 * t:9.1f} ms per file   {t / base:6.2f} x the stage's")


def text() -> None:
    """BERT by length against batches as they come; vectors by row against `token.vector`."""
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
        params = BertParams({}, 120, 16, "float32", tokens=False, allow_pickle=False)

        def unsorted() -> None:
            for start in range(0, len(texts), 16):
                batch = encoder.tokenizer(
                    texts[start : start + 16], padding=True, return_tensors="pt"
                )
                with torch.inference_mode():
                    encoder.model(**batch)

        took = measure(
            {"sorted": lambda: bert.embed(texts, encoder, params), "unsorted": unsorted}, ROUNDS
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

        took = measure({"rows": rows, "token.vector": stacked}, ROUNDS)
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
    parser.add_argument("what", choices=["asr", "text", "gpu"])
    parser.add_argument("--corpus", type=Path, default=Path("data/raw/emodb"))
    parser.add_argument("--files", type=int, default=339)
    parser.add_argument("--commands", type=int, default=4, help="files for the command")
    parser.add_argument("--real-size", action="store_true", help="asr: of Whisper tiny's size")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--model", type=Path, help="gpu: where the model is kept")
    options = parser.parse_args()
    if options.what == "asr":
        asr(
            options.corpus,
            options.files,
            options.commands,
            options.rounds,
            real_size=options.real_size,
        )
    elif options.what == "text":
        text()
    else:
        gpu(options.model)


if __name__ == "__main__":
    main()

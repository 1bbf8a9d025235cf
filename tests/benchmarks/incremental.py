"""What ten new recordings cost: `dvc repro` of the store from nothing, again, and with ten more.

    python tests/benchmarks/incremental.py [--corpus DIR] [--utterances 339] [--new 10]
        [--bert-base | --real-size base|small]

Takes the wav files under DIR (tones without it), gives each a text of its own so that every feature
has a row to compute for each, uses the demo's tiny encoders, and times `dvc repro catalog` in a
temporary project three times: everything, nothing, the new ones.

The demo's encoders cost nothing, real ones do. With --bert-base the BERT is one of BERT-base's size
(12 layers of 768). With --real-size each recording is recognised besides, by a Whisper of the size
of Whisper base or small in int8, which ends its answer after 16 tokens. All weights are random.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import soundfile
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pipeline.backends import default_workers  # noqa: E402
from tests.clones import Clone, make_clone  # noqa: E402
from tests.features.test_asr import PARAMS  # noqa: E402
from tests.projects import LABELS, TEXTS, add_corpus, add_recordings  # noqa: E402
from tests.tiny_models import make_bert, make_whisper  # noqa: E402

BERT_BASE = "data/models/bert-base"
WHISPER = "data/models/whisper"
WHISPERS = {  # as OpenAI's
    "base": {"dim": 512, "layers": 6, "heads": 8},
    "small": {"dim": 768, "layers": 12, "heads": 12},
}
TOKENS = 16  # of a short sentence
WORKERS = str(default_workers())


def add_real_recordings(project: Clone, files: list[Path], start: int) -> None:
    """Add recordings to the corpus `c`: a little quieter each time round, so that none is known."""
    folder = project.root / "data" / "raw" / "c"
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "metadata.csv"
    lines = table.read_text().splitlines()
    for number, file in enumerate(files, start):
        samples, rate = soundfile.read(file)
        gain = 0.999 ** (1 + number // 339)
        soundfile.write(folder / f"{number:05d}.wav", gain * samples, rate)
        text = f"{TEXTS[number % len(TEXTS)]} {number}"
        lines.append(f"{number:05d}.wav,s0,{LABELS[number % len(LABELS)]},{text}")
    table.write_text("\n".join(lines) + "\n")


def use_bert_base(project: Clone) -> None:
    words = [word for text in TEXTS for word in text.split()]
    make_bert(project.root / BERT_BASE, words, dim=768, layers=12, positions=512)
    project.set(bert__models={"default": BERT_BASE})


def use_whisper(project: Clone, size: str) -> None:
    make_whisper(project.root / WHISPER, tokens=TOKENS, **WHISPERS[size])
    setting = replace(PARAMS, model=WHISPER, compute_type="int8", language="corpus")
    project.set(asr__sources={size: asdict(setting)})


def timed(project: Clone) -> tuple[float, str]:
    started = time.perf_counter()
    output = project.run("dvc", "repro", "catalog", VCEMO_WORKERS=WORKERS).stdout
    return time.perf_counter() - started, output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--utterances", type=int, default=339)
    parser.add_argument("--new", type=int, default=10)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--bert-base", action="store_true")
    size.add_argument("--real-size", choices=WHISPERS, help="BERT base, and such a Whisper")
    options = parser.parse_args()
    files = sorted(options.corpus.rglob("*.wav")) if options.corpus else []
    with tempfile.TemporaryDirectory() as folder:
        project = make_clone(Path(folder, "project"))
        add_corpus(project, "c", 0 if files else options.utterances)
        project.set(demo={"models": {"path": "data/models/demo"}})
        project.repro("demo@models")
        if options.bert_base or options.real_size:
            use_bert_base(project)
        if options.real_size:
            use_whisper(project, options.real_size)
        if files:
            add_real_recordings(project, files[: options.utterances], 0)
        full, _ = timed(project)
        nothing, _ = timed(project)
        if files:
            add_real_recordings(project, files[: options.new], options.utterances)
        else:
            add_recordings(
                project, "c", range(options.utterances, options.utterances + options.new)
            )
        new, output = timed(project)
    table = Table("dvc repro of the store", "s", "of the full run")
    for name, seconds in (
        (f"{options.utterances} utterances, from nothing", full),
        ("again, nothing new", nothing),
        (f"{options.new} new utterances", new),
    ):
        table.add_row(name, f"{seconds:.1f}", f"{seconds / full:.1%}")
    print(*(line for line in output.splitlines() if "computed" in line), sep="\n")
    Console().print(table)


if __name__ == "__main__":
    main()

"""Whatever happened before, the store ends as if it had been built at once."""

import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from pipeline import experiment, params, stages
from pipeline.corpus import Corpus
from pipeline.demo.models import make_models
from tests.projects import Project, make_project
from tests.tiny_models import make_vectors

UTTERANCES = 8
SOUNDS = 4  # fewer than utterances, so that recordings are often alike, which is a case of its own
TEXTS = ("", "what a good day", "leave me alone, all of you", "今天天气真好")
OTHER = "data/models/history"  # other encoders than the demo's

# What a step may set in params.yaml. The first value of each is what the history starts from.
SETTINGS: dict[str, tuple[object, ...]] = {
    "audio__sample_rate_hz": (16000, 20000),
    "augment__noise": ({"snr_db": 30}, {"snr_db": 10}, None),
    "augment__pitch": ({"semitones": 2}, {"semitones": 4}, None),
    "augment__stretch": ({"rate_min": 0.9, "rate_max": 1.1}, None),
    "bert__batch_size": (16, 3),
    "bert__max_tokens": (128, 5),
    "bert__models__default": ("data/models/demo/bert", f"{OTHER}/bert"),
    "corpora__c__language": ("en", "zh"),
    "manifest__silence_db": (-60, -70),
    "mel__floor": (1e-6, 1e-3),
    "mel__hop_ms": (10, 20),
    "mel__n_mels": (80, 40),
    "words__models__en": ("data/models/demo/words-en", f"{OTHER}/words-en"),
    "words__segmenters": ({"zh": "char"}, {"en": "char"}),
    "store__target_rows__transcripts": (512, 4, 1),
    "store__target_rows__views": (512, 4, 1),
    "store__target_rows__mel": (512, 4, 1),
    "store__target_rows__words": (512, 4, 1),
    "store__target_rows__bert": (512, 4, 1),
}


@dataclass(frozen=True)
class Put:
    """Add a recording with its transcript, or change one that is there."""

    number: int
    sound: int
    text: str


@dataclass(frozen=True)
class Remove:
    """Take a recording away, if it is there and not the last."""

    number: int


@dataclass(frozen=True)
class Set:
    """Change a parameter."""

    key: str
    value: object


@dataclass(frozen=True)
class Step:
    """Some changes, and the stages that run after them."""

    changes: list[Put | Remove | Set]
    ran: frozenset[str]


NUMBERS = st.integers(0, UTTERANCES - 1)
RECORDINGS = st.one_of(
    st.builds(Put, NUMBERS, st.integers(0, SOUNDS - 1), st.sampled_from(TEXTS)),
    st.builds(Remove, NUMBERS),
)
PARAMETERS = st.sampled_from(sorted(SETTINGS)).flatmap(
    lambda key: st.builds(Set, st.just(key), st.sampled_from(SETTINGS[key]))
)
EVERY_STAGE = frozenset(stages.STAGES)
STEPS = st.builds(
    Step,
    st.builds(list.__add__, st.lists(RECORDINGS, max_size=3), st.lists(PARAMETERS, max_size=8)),
    st.just(EVERY_STAGE) | st.frozensets(st.sampled_from(sorted(EVERY_STAGE))),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with half of the recordings, every feature computed."""
    project = make_project(tmp_path_factory.mktemp("history") / "project")
    (project.root / "data" / "raw" / "c").mkdir(parents=True)
    project.set(corpora={"c": {"reader": "table", "path": "data/raw/c", "language": "en"}})
    project.set(**{key: values[0] for key, values in SETTINGS.items()})
    write_corpus(project, {n: (n % SOUNDS, TEXTS[n % len(TEXTS)]) for n in range(UTTERANCES // 2)})
    models = project.root / "data" / "models"
    make_models(models / "demo")
    make_other_bert(models / "demo" / "bert", project.root / OTHER / "bert")
    make_vectors(project.root / OTHER / "words-en", "en", ("what", "good", "leave", "day"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        run(EVERY_STAGE)
    return project


@settings(
    max_examples=24, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(history=st.lists(STEPS, min_size=1, max_size=4))
def test_any_history_ends_with_the_bytes_of_a_clean_build(
    built: Project, history: list[Step]
) -> None:
    project = fresh_copy(built)
    recordings = read_corpus(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        for step in history:
            for change in step.changes:
                make_change(project, recordings, change)
            write_corpus(project, recordings)
            run(step.ran)
        run(EVERY_STAGE)
        experienced = results(project)
        for folder in ("manifest", "store", "catalog"):
            shutil.rmtree(project.root / "data" / folder)
        run(EVERY_STAGE)
        clean = results(project)
    note(f"recordings at the end: {recordings}")
    assert experienced.keys() == clean.keys()
    assert [name for name in clean if experienced[name] != clean[name]] == []
    shutil.rmtree(project.root)


Recordings = dict[int, tuple[int, str]]  # number -> sound, transcript
COPIES = count()


def fresh_copy(project: Project) -> Project:
    copy = project.root.with_name(f"copy-{next(COPIES)}")
    shutil.copytree(project.root, copy)
    return Project(copy)


def make_change(project: Project, recordings: Recordings, change: Put | Remove | Set) -> None:
    match change:
        case Put(number, sound, text):
            recordings[number] = (sound, text)
        case Remove(number) if recordings.keys() > {number}:
            del recordings[number]
        case Set(key, value):
            project.set(**{key: value})


def run(names: frozenset[str]) -> None:
    """List the corpus, and run some of the feature stages."""
    loaded = params.load()
    corpus = Corpus.named("c", loaded)
    stages.run_manifest(corpus, workers=1)
    for name in stages.STAGES:
        if name in names:
            stages.run(name, corpus, workers=1)
    experiment.make_catalog(loaded)


def results(project: Project) -> dict[str, bytes]:
    return {name: b for f in ("store", "catalog") for name, b in project.files(f"data/{f}").items()}


def write_corpus(project: Project, recordings: Recordings) -> None:
    """Make the corpus's folder hold these recordings and no others."""
    folder = project.root / "data" / "raw" / "c"
    for path in folder.iterdir():
        path.unlink()
    lines = ["path,speaker,label,transcript"]
    for number, (sound, text) in sorted(recordings.items()):
        soundfile.write(folder / f"{number}.wav", make_sound(sound), 16000, subtype="PCM_16")
        lines.append(f'{number}.wav,s{number % 2},angry,"{text}"')
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_corpus(project: Project) -> Recordings:
    """The recordings that a fresh copy has."""
    wavs = (project.root / "data" / "raw" / "c").glob("*.wav")
    numbers = sorted(int(path.stem) for path in wavs)
    return {n: (n % SOUNDS, TEXTS[n % len(TEXTS)]) for n in numbers}


def make_sound(number: int) -> np.ndarray:
    """A rising tone of 0.12 to 0.27 s."""
    t = np.arange(1920 + 800 * number) / 16000
    return 0.3 * np.sin(2 * np.pi * (150 + 90 * number + 400 * t) * t)


def make_other_bert(model: Path, out: Path) -> None:
    """A model with the same settings as another, and the weights of its layers negated."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(model, out)
    weights = load_file(out / "model.safetensors")
    turned = {name: -w if "encoder" in name else w for name, w in weights.items()}
    save_file(turned, out / "model.safetensors", metadata={"format": "pt"})

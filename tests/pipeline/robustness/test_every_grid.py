"""Every grid for real: two corpora of sounds, a Whisper that knows them, trained runs, the page."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from pipeline import catalog, experiment, layout, params, runs, stages
from pipeline.corpus import Corpus
from pipeline.experiment import make_catalog, make_splits
from pipeline.report import gather
from pipeline.reporting.grids import facts
from tests.pipeline.test_rows_transcripts import source
from tests.projects import LABELS, Project, make_project
from tests.tiny_models import SENTENCES, chord, language_of, make_bert, make_vectors

pytestmark = pytest.mark.slow  # 15 s: each stage once, because a grid is all of them together
CORPORA = ("one", "two")
UTTERANCES = 24
LEVELS_DB = (40.0, 40.0, -20.0)  # of noise; what it drowns is misheard
GRID = {
    "noise_db": [30, 20, 10, 5, 0],
    "silence": True,
    "missing": ["audio", "words"],
    "missing_rates": [0.5, 1.0],
    "sources": ["tiny"],
    "seed": 0,
}


def add_sounds(project: Project, name: str, first: int) -> None:
    """A corpus by the table reader; its label is the loudness, so that audio can be learnt."""
    folder = project.root / "data" / "raw" / name
    folder.mkdir(parents=True)
    lines = []
    for n in range(first, first + UTTERANCES):
        draw, sentence = np.random.default_rng(n), SENTENCES[n % len(SENTENCES)]
        noise = draw.standard_normal(32_000) * 0.1 * 10 ** (-LEVELS_DB[n // 6 % 3] / 20)
        x = (chord(n % len(SENTENCES)) + noise) * 0.2 * (1 + n % len(LABELS))
        soundfile.write(folder / f"{n}.wav", x.clip(-1, 1), 16000, subtype="FLOAT")
        told = {"transcript": sentence, "language": language_of(sentence), "path": f"{n}.wav"}
        lines.append(json.dumps(told | {"label": LABELS[n % 4], "speaker": f"s{n // 4 % 3}"}))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(split: str, *modalities: str) -> dict[str, Any]:
    return {
        "task": "emotion4", "split": split, "source": "reference", "modalities": [*modalities],
        "size": "tiny", "preset": "tuned", "seeds": [0],
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, fitted_whisper: Path) -> Project:
    project = make_project(tmp_path_factory.mktemp("grids") / "project")
    for number, name in enumerate(CORPORA):
        add_sounds(project, name, number * UTTERANCES)
    models = project.root / "data" / "models"
    (models / "fitted").symlink_to(fitted_whisper)
    characters = sorted({c for s in SENTENCES for c in s.lower()})
    make_vectors(models / "words", "en", characters)
    make_bert(models / "bert", characters)
    speaker = {"protocol": "speaker", "folds": 3, "val_fraction": 0.2, "seed": 0}
    project.set(
        corpora={n: {"reader": "table", "path": f"data/raw/{n}"} for n in CORPORA},
        asr__sources={"tiny": source()},
        augment={"noise": None, "pitch": None, "stretch": None},
        words__models={"default": "data/models/words"},
        bert__models={"default": "data/models/bert"},
        bert__max_tokens=32,
        tasks__emotion4__sources=["reference", "tiny"],
        splits={
            "speaker": speaker,
            "half": speaker | {"train_fraction": 0.5},
            "across": {"protocol": "corpus", "val_fraction": 0.2, "seed": 0},
        },
        runs={
            "all": run("speaker", "audio", "words"),
            "audio": run("speaker", "audio"),
            "half": run("half", "audio"),
            "across": run("across", "audio"),
        },
        robustness={"all": GRID},
    )
    project.set(
        presets__tuned__members=1,
        presets__tuned__epochs=1,
        presets__tuned__views=[],
        presets__tuned__view_probability=0,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        repro()
    return project


def repro() -> None:
    """What `dvc repro` does, in this process."""
    found = params.load()
    for name in CORPORA:
        corpus = Corpus.named(name, found)
        stages.run_manifest(corpus, 1)
        for stage in stages.STAGES:
            stages.run(stage, corpus, 1)
    make_catalog(found)
    make_splits(found)
    experiment.pack_task(found, "emotion4")
    runs.train(found, list(found.runs), "cpu", 1)
    for name in found.runs:
        experiment.evaluate(found, name, "cpu")
    experiment.robustness(found, "all", "cpu")


@pytest.fixture
def shown(made: Project, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """The facts of the section, from all that the stages left."""
    monkeypatch.chdir(made.root)
    found = params.load()
    told = facts(gather(catalog.load(), found.runs, found.report, asdict(found)))
    assert told is not None
    return told


def test_a_run_is_tried_under_every_condition(shown: Mapping[str, Any]) -> None:
    [grids] = [run["grids"] for run in shown["runs"]]
    levels = {name: [tried.level for tried in found] for name, found in grids.items()}
    assert levels == {
        "noise": ["30 dB", "20 dB", "10 dB", "5 dB", "0 dB"],
        "missing": ["audio silenced", "audio missing", "words missing"],
        "rate": ["50 %", "100 %"],
        "text": ["tiny"],
    }
    assert {t.scores.rows for found in grids.values() for t in found} == {2 * UTTERANCES}


def test_texts_that_were_heard_are_scored_by_how_badly(shown: Mapping[str, Any]) -> None:
    [text] = shown["runs"][0]["grids"]["text"]
    buckets = {own.value: own.utterances for own, _ in text.heard}
    assert sum(buckets.values()) == 2 * UTTERANCES
    assert buckets["0 %"] > 0 and len(buckets) > 1
    own, there = next(pair for pair in text.heard if pair[0].value == "0 %")
    assert own.pooled["wa"].value == there.pooled["wa"].value  # it heard what was said


def test_a_matrix_and_a_curve_come_of_splits_alone(shown: Mapping[str, Any]) -> None:
    [matrix] = shown["matrices"]
    assert set(matrix["pairs"]) == {("one", "two"), ("two", "one")}
    assert {pair.utterances for pair in matrix["pairs"].values()} == {UTTERANCES}
    [curve] = shown["fractions"]
    assert [(share, r.name) for share, r in curve["runs"]] == [("50 %", "half"), ("100 %", "audio")]


def test_the_same_seed_gives_the_same_answers_and_another_does_not(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.root)
    path, found = layout.robustness("all"), params.load()
    first = path.read_bytes()
    experiment.robustness(found, "all", "cpu")
    assert path.read_bytes() == first
    before = pq.read_table(path)
    made.set(robustness__all__seed=1)
    try:
        experiment.robustness(params.load(), "all", "cpu")
        after = pq.read_table(path)
    finally:
        made.set(robustness__all__seed=0)
        path.write_bytes(first)
    assert len(after) == len(before) and not after.equals(before)


def test_the_page_shows_them(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.root)
    assert experiment.report(params.load()) == []
    page = layout.REPORT.read_text(encoding="utf-8")
    for told in ("By how badly tiny heard", "trained on one corpus, tested on another", "fewer"):
        assert told in page

"""A model that cannot work stops its stage before any row, also those of other models."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import params, stages
from pipeline.corpus import Corpus
from tests.projects import Project, add_corpus, make_project
from tests.tiny_models import make_bert, make_vectors

Break = Callable[[Path], Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Nine English utterances and, the last of all, one of Mandarin; a model for each language."""
    project = make_project(tmp_path_factory.mktemp("broken") / "project")
    add_corpus(project, "c", 10)
    table = project.root / "data" / "raw" / "c" / "metadata.csv"
    header, *lines = table.read_text().splitlines()
    told = [f"{line},{'zh' if number == 9 else 'en'}" for number, line in enumerate(lines)]
    table.write_text("\n".join([f"{header},language", *told]) + "\n")
    own = project.root / "data" / "models"
    for language in ("en", "zh"):
        make_vectors(own / f"words-{language}", language, ["happy", "sad"])
        make_bert(own / f"bert-{language}", "abcdefghijklmnopqrstuvwxyz")
    project.set(
        words__models={"en": "data/models/words-en", "zh": "data/models/words-zh"},
        bert__models={"en": "data/models/bert-en", "zh": "data/models/bert-zh"},
        bert__max_tokens=48,
        store__target_rows__words=2,
        store__target_rows__bert=2,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        corpus = Corpus.named("c", params.load())
        stages.run_manifest(corpus, 1)
        stages.run("asr", corpus, 1)
    return project


@pytest.fixture
def here(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy in which each row is a task of its own, and none is done."""
    copy = Project(tmp_path / "copy")
    shutil.copytree(made.root, copy.root)
    monkeypatch.chdir(copy.root)
    for name in ("words", "bert"):
        one_by_one = replace(stages.STAGES[name], batch_rows=1, worth_a_process=1)
        monkeypatch.setitem(stages.STAGES, name, one_by_one)
    return copy


def gone(name: str) -> Break:
    return lambda model: (model / name).unlink()


def cut_off(name: str) -> Break:
    def halve(model: Path) -> None:
        data = (model / name).read_bytes()
        (model / name).write_bytes(data[: len(data) // 2])

    return halve


@pytest.mark.parametrize(
    ("stage", "break_it", "message", "workers"),
    [
        ("words", shutil.rmtree, r"words\.models\.zh in params\.yaml\) is not on this machine", 1),
        ("words", gone("vocab/key2row"), r"words-zh.*has no word vectors", 1),
        ("words", cut_off("vocab/vectors"), r"words-zh.*cannot be loaded", 2),
        ("words", cut_off("meta.json"), r"words-zh/meta\.json is no JSON", 1),
        ("bert", shutil.rmtree, r"bert\.models\.zh in params\.yaml\) is not on this machine", 1),
        ("bert", gone("vocab.txt"), r"bert-zh has no tokenizer: expected one of", 1),
        ("bert", cut_off("model.safetensors"), r"bert-zh cannot be loaded", 1),
    ],
)
def test_one_error_and_no_row(
    here: Project, stage: str, break_it: Break, message: str, workers: int
) -> None:
    break_it(here.root / "data" / "models" / f"{stage}-zh")
    with pytest.raises(ValueError, match=message):
        stages.run(stage, Corpus.named("c", params.load()), workers)
    assert here.files(f"data/store/{stage}") == {}

"""Models as inputs: listed, imported, fetched; nothing broken gets in."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from features.words import embed, is_glove, load, sources
from pipeline import cli, layout, models, params
from pipeline.demo.models import make_models
from tests.projects import Project, make_project
from tests.tiny_models import make_bert

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as the current directory."""
    project = make_project(tmp_path / "project")
    monkeypatch.chdir(project.root)
    return project.root


def vcemo(*arguments: str) -> str:
    """What a command prints; its error is raised."""
    done = CliRunner().invoke(cli.app, arguments)
    if done.exception:
        raise done.exception
    return done.output


@pytest.mark.parametrize("name", ["corpus", "other"])
def test_words_is_a_stage_for_a_corpus_of_any_name_but_import(here: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"corpora: found '{name}'"):  # asked for, not there
        vcemo("words", name)


def test_words_import_makes_a_model_of_a_glove_file(here: Path) -> None:
    Path("glove.txt").write_text("happy 1 0 0\nsad 0 1 0\n. . . 0 0 1\n", encoding="utf-8")
    told = vcemo("words", "import", "glove.txt", "mine")
    assert "3 vectors of 3 numbers" in told
    assert "words.models.LANGUAGE: data/models/mine" in told
    found = embed("happy Sad grue", load(layout.MODELS / "mine", "en", "model"))
    np.testing.assert_array_equal(found.vectors, [[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    assert found.known.tolist() == [True, True, False]
    assert sources(layout.MODELS / "mine") == ("glove.txt",)


def test_what_vectors_are_is_what_their_source_says(here: Path) -> None:
    Path("v.txt").write_text("a 1 0\n", encoding="utf-8")
    vcemo("words", "import", "v.txt", "one", "--source", "GloVe 6B", "--language", "xx")
    vcemo("words", "import", "v.txt", "two", "--source", "fastText")
    assert (is_glove(layout.MODELS / "one"), is_glove(layout.MODELS / "two")) == (True, False)


def test_a_header_as_word2vec_writes_it_is_understood(here: Path) -> None:
    Path("v.txt").write_text("2 3\na 1 0 0\nb 0 1 0\n", encoding="utf-8")
    assert "2 vectors of 3 numbers" in vcemo("words", "import", "v.txt", "mine")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a 1 0\nb 1\n", (), "as many on all: .*line 1"),
        ("a one two\n", (), "a word and its numbers on each line"),
        ("", (), "a word and its numbers on each line"),
        (None, (), "no such file"),
        ("a 1 0\n", ("--language", "qq"), "spaCy has no tokenizer for it"),
    ],
)
def test_a_file_that_holds_no_vectors_leaves_nothing(
    here: Path, content: str | None, options: tuple[str, ...], message: str
) -> None:
    if content is not None:
        Path("v.txt").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        vcemo("words", "import", "v.txt", "mine", *options)
    assert not (layout.MODELS / "mine").exists()


def test_a_name_that_is_taken_or_no_name_is_refused(here: Path) -> None:
    Path("v.txt").write_text("a 1 0\n", encoding="utf-8")
    vcemo("words", "import", "v.txt", "mine")
    for name, message in (("mine", "is there already"), ("a/b", "expected letters, digits")):
        with pytest.raises(ValueError, match=message):
            vcemo("words", "import", "v.txt", name)


def test_words_with_a_corpus_is_the_stage(here: Path) -> None:
    for arguments in (
        ("nobody",),
        ("--dry-run", "nobody"),
        ("corpus", "nobody"),
        ("corpus", "--dry-run", "nobody"),
    ):
        with pytest.raises(ValueError, match="corpora: found 'nobody'"):
            vcemo("words", *arguments)


@pytest.mark.parametrize("kind", ["whisper", "words", "bert"])
def test_a_directory_is_copied_when_it_loads(
    here: Path, kind: str, random_whisper: Path, tmp_path: Path
) -> None:
    make_models(tmp_path / "demo")
    places = {"whisper": random_whisper, "words": tmp_path / "demo" / "words-en"}
    source = places.get(kind, tmp_path / "demo" / "bert")
    told = vcemo("models", "import", str(source), "mine")
    assert f"data/models/mine: {kind}, content " in told
    names = {path.name for path in (layout.MODELS / "mine").iterdir()}
    assert names == {path.name for path in source.iterdir()}


@pytest.mark.parametrize("file", ["model.bin", "tokenizer.json"])
def test_a_broken_directory_is_not_copied(
    here: Path, file: str, random_whisper: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(random_whisper, tmp_path / "copy")
    (copy / file).write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="cannot be loaded"):
        vcemo("models", "import", str(copy), "mine")
    assert not (layout.MODELS / "mine").exists()


def test_a_directory_of_no_kind_is_refused(here: Path) -> None:
    with pytest.raises(ValueError, match=r"expected model\.bin .* meta\.json .* config\.json"):
        vcemo("models", "import", ".", "mine")


def test_the_list_tells_what_is_here(here: Path) -> None:
    make_models(layout.MODELS / "demo")
    found = {one.named.setting: one for one in models.listed(params.load())}
    assert found.keys() == {"words.models.en", "words.models.zh", "bert.models.default"}
    for one in found.values():
        assert one.found is not None
        assert one.size_bytes > 1000
    shutil.rmtree(layout.MODELS / "demo" / "bert")
    found = {one.named.setting: one for one in models.listed(params.load())}
    assert found["bert.models.default"].found is None


def test_a_licence_is_read_from_the_model(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlanguage: zh\nlicense: apache-2.0\n---\n# A model\n")
    assert models._licence(tmp_path) == "apache-2.0"
    (tmp_path / "meta.json").write_text('{"license": "MIT"}')
    assert models._licence(tmp_path) == "MIT"


def test_what_cannot_be_fetched_is_told_for_each_model(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = params.load()
    words = replace(loaded.words, models={"en": "no_such_package", "zh": "data/models/none"})
    with pytest.raises(models.ModelError) as error:
        list(models.fetch_missing(replace(loaded, words=words)))
    assert "words.models.en: no_such_package: a spaCy package" in str(error.value)
    assert "words.models.zh: data/models/none: a folder, which no hub has" in str(error.value)


def test_importing_the_commands_stays_cheap() -> None:
    code = "import sys, pipeline.models; print('spacy' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_pickle_is_imported_only_where_the_params_allow_it(here: Path, tmp_path: Path) -> None:
    import torch

    source = make_bert(tmp_path / "bert", "abc")
    (source / "model.safetensors").unlink()
    torch.save({}, source / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"no weights as safetensors.*bert\.allow_pickle"):
        vcemo("models", "import", str(source), "mine")
    Project(here).set(bert__allow_pickle=True)
    with pytest.raises(ValueError, match=r"lack \d+ tensors"):
        vcemo("models", "import", str(source), "mine")
    assert not (layout.MODELS / "mine").exists()

"""`vcemo models fetch` from a hub that speaks HTTP, and then work without any network."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import models, params, stages
from pipeline.catalog import read_entry
from pipeline.corpus import Corpus
from tests.hubs import REPO, serving
from tests.projects import Project, add_corpus, make_project
from tests.tiny_models import make_bert

PINNED, LATEST = 40 * "a", 40 * "b"
NO_NETWORK = {"HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub with a real BERT, and a later commit that changed its vocabulary."""
    made = make_bert(tmp_path_factory.mktemp("hub") / "bert", "abcdefghijklmnopqrstuvwxyz")
    files = {path.name: path.read_bytes() for path in made.iterdir()}
    licence = {"README.md": b"---\nlicense: apache-2.0\n---\n"}
    later = files | {"vocab.txt": files["vocab.txt"].replace(b"z", b"Z")}
    with serving({PINNED: files | licence, LATEST: later}) as address:
        yield address


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = make_project(tmp_path / "project")
    project.set(words__models={}, bert__max_tokens=48)
    project.set(bert__models={"default": f"{REPO}@{PINNED}"})
    monkeypatch.chdir(project.root)
    return project


def fetch(project: Project, **environment: str) -> str:
    """What `vcemo models fetch` prints, in a process of its own with an empty cache beside it."""
    quiet = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_CACHE": str(project.root / "no-cache")}
    return project.vcemo("models", "fetch", **quiet, **environment).stdout


def test_a_pinned_revision_is_fetched_listed_and_used_without_a_network(
    here: Project, hub: str
) -> None:
    assert models.listed(params.load())[0].found is None
    told = fetch(here, HF_ENDPOINT=hub, HF_HUB_OFFLINE="0")
    snapshot = here.root / "data" / "hub" / "models--org--model" / "snapshots" / PINNED
    assert told == f"bert.models.default: {REPO}@{PINNED}: {snapshot}, revision {PINNED}\n"
    assert fetch(here, **NO_NETWORK) == told

    (listed,) = models.listed(params.load())
    assert listed.found is not None
    assert (listed.found.revision, listed.licence) == (PINNED, "apache-2.0")

    add_corpus(here, "c", 2)
    corpus = Corpus.named("c", params.load())
    stages.run_manifest(corpus, 1)
    stages.run("asr", corpus, 1)
    assert stages.run("bert", corpus, 1).computed == 2
    assert read_entry("bert", "c").encoders["en"]["revision"] == PINNED
    # Another revision would give other rows, although it is the same name.
    here.set(bert__models={"default": f"{REPO}@{LATEST}"})
    fetch(here, HF_ENDPOINT=hub, HF_HUB_OFFLINE="0")
    assert len(stages.plan("bert", Corpus.named("c", params.load())).missing) == 2


def test_without_a_revision_the_latest_is_fetched_and_how_to_pin_it_told(
    here: Project, hub: str
) -> None:
    here.set(bert__models={"default": REPO})
    told = fetch(here, HF_ENDPOINT=hub, HF_HUB_OFFLINE="0")
    assert f"revision {LATEST}; to pin it write {REPO}@{LATEST}" in told


def test_a_revision_that_is_not_there_is_told_and_nothing_is_taken_in_its_place(
    here: Project, hub: str
) -> None:
    here.set(bert__models={"default": f"{REPO}@{40 * 'c'}"})
    told = here.vcemo("models", "fetch", check=False, HF_ENDPOINT=hub, HF_HUB_OFFLINE="0")
    assert told.returncode == 1
    assert f"bert.models.default: {REPO}@ccc" in told.stderr
    assert models.listed(params.load())[0].found is None

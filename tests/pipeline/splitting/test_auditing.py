"""`vcemo splits audit` on real manifests: a table, JSON and an exit code."""

import json
from pathlib import Path

import pytest

from tests.projects import Project, add_corpus, make_project

RANDOM = {"protocol": "random", "seed": 0, "test_fraction": 0.2, "val_fraction": 0.2}
SESSION = {"protocol": "session", "seed": 0, "val_fraction": 0.2}
SPEAKER = {"protocol": "speaker", "seed": 0, "val_fraction": 0.2}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One corpus of tones, 4 speakers, each sentence once."""
    made = make_project(tmp_path_factory.mktemp("audit") / "project")
    add_corpus(made, "c", 32)
    made.set(splits={"random": RANDOM, "speaker": SPEAKER}, runs={}, tasks={})
    made.vcemo("manifest", "c")
    return made


def test_a_split_by_speaker_passes_and_a_random_one_does_not(project: Project) -> None:
    done = project.vcemo("splits", "audit", "speaker")
    assert "nothing crosses that is not allowed to" in done.stdout
    done = project.vcemo("splits", "audit", "random", check=False)
    assert done.returncode == 1
    assert "speaker" in done.stdout
    assert "--allow speaker" in done.stdout


def test_what_holds_for_all_splits_is_said_once(project: Project) -> None:
    project.set(splits={"random": RANDOM, "again": RANDOM, "speaker": SPEAKER})
    done = project.vcemo("splits", "audit", check=False, COLUMNS="500")
    for name in ("random", "again"):
        assert f"{name}: not allowed to cross: speaker\n" in done.stdout
    assert done.stdout.count("will be lower") == done.stdout.count("--allow speaker") == 1
    project.set(splits={"random": RANDOM, "speaker": SPEAKER})


def test_what_is_allowed_is_still_told_but_no_fault(project: Project) -> None:
    done = project.vcemo("splits", "audit", "random", "--allow", "speaker", "--json")
    [told] = json.loads(done.stdout)
    [speakers] = [c for c in told["folds"] if c["kind"] == "speaker"]
    assert speakers["crossing"]
    assert told["faults"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "split: found 'nope', expected one of: random, speaker"),
        (["--allow", "shoes"], "kind: found 'shoes', expected one of: utterance, recording"),
    ],
)
def test_wrong_names_are_told_with_the_right_ones(
    project: Project, arguments: list[str], message: str
) -> None:
    done = project.vcemo("splits", "audit", *arguments, check=False)
    assert done.returncode == 1
    assert message in done.stderr


def test_a_corpus_without_a_manifest_and_a_split_that_cannot_be_made_stop_nothing_else(
    tmp_path: Path,
) -> None:
    made = make_project(tmp_path / "project")
    add_corpus(made, "new", 2)
    done = made.vcemo("splits", "audit", check=False)
    assert (done.returncode, "run `vcemo manifest new`" in done.stderr) == (1, True)
    add_corpus(made, "old", 32, first=2)
    made.vcemo("manifest", "old")
    made.set(splits={"session": SESSION, "speaker": SPEAKER}, runs={}, tasks={})
    done = made.vcemo("splits", "audit", check=False)
    assert done.returncode == 3
    assert "session: cannot be made, so it is not audited: protocol 'session'" in done.stdout
    assert "speaker: nothing crosses that is not allowed to" in done.stdout
    assert "no manifest yet: new (vcemo manifest new)" in done.stdout
    told = json.loads(made.vcemo("splits", "audit", "--json", check=False).stdout)
    assert [t["corpora_without_manifest"] for t in told] == [["new"], ["new"]]
    assert [t["cannot_be_made"] is None for t in told] == [False, True]
    made.vcemo("manifest", "new")
    assert made.vcemo("splits", "audit", "speaker").returncode == 0

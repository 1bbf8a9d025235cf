"""The laws of `dvc repro` and its relatives, with real DVC in temporary clones of the project.

base        ->  second        ->  grown                 `dvc repro` and a commit after each
corpus a        and corpus b      and ten more in a
"""

import json
import shutil
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.clones import Clone, Repro, make_clone
from tests.projects import add_corpus, add_recordings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dvc")]  # the clones are built once

UTTERANCES, OTHERS, NEW = 24, 8, 10  # in a, in b, added to a
ROWS = {"asr": 1, "asr_scores": 0, "augment": 3, "mel": 4, "words": 1, "bert": 1}  # of an utterance
AGGREGATES = {"catalog", "split", "pack@emotion4", "train@all", "evaluate@all", "report"}
MODELS = {"demo@models"}
METRICS = "reports/all/metrics.json"
AGGREGATED = ("data/catalog.json", "data/splits", "data/cache", "data/runs", "data/predictions")
SPLIT = {"protocol": "speaker", "folds": 2, "val_fraction": 0.1, "seed": 0}
RUN = {
    "task": "emotion4",
    "split": "speaker",
    "source": "reference",
    "modalities": ["audio", "words", "bert"],
    "size": "tiny",
    "preset": "tuned",
    "seeds": [0],
}
TRAINED = {"train@all": SPLIT["folds"]}

Step = tuple[Clone, Repro]  # a clone, and the `dvc repro` that brought it up to date


def stages(corpus: str) -> set[str]:
    return {f"{stage}@{corpus}" for stage in ("manifest", *ROWS)}


def rows(corpus: str, utterances: int) -> dict[str, int]:
    return {f"{stage}@{corpus}": utterances * each for stage, each in ROWS.items()}


def outputs(clone: Clone) -> dict[str, object]:
    return {stage: entry["outs"] for stage, entry in clone.lock().items()}


def features(clone: Clone, corpus: str) -> dict[str, bytes]:
    found = clone.files("data/store") | clone.files(f"data/catalog/{corpus}")
    return {name: content for name, content in found.items() if f"/{corpus}/" in name}


def aggregates(clone: Clone) -> dict[str, bytes]:
    return {n: b for n, b in clone.files("data").items() if n.startswith(AGGREGATED)}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Step:
    clone = make_clone(tmp_path_factory.mktemp("dvc") / "base")
    clone.set(
        demo={"models": {"path": "data/models/demo"}},
        splits={"speaker": SPLIT},
        runs={"all": RUN},
        presets__tuned__members=1,
        presets__tuned__epochs=1,
        presets__tuned__optimiser__lr=1e-3,
    )
    add_corpus(clone, "a", UTTERANCES)
    clone.commit("corpus a")
    done = clone.repro()
    clone.commit("results of corpus a")
    return clone, done


@pytest.fixture(scope="session")
def second(base: Step) -> Step:
    clone = base[0].copy(base[0].root.with_name("second"))
    add_corpus(clone, "b", OTHERS, first=1000)
    done = clone.repro()
    clone.commit("corpus b")
    return clone, done


@pytest.fixture(scope="session")
def grown(second: Step) -> Step:
    clone = second[0].copy(second[0].root.with_name("grown"))
    add_recordings(clone, "a", range(UTTERANCES, UTTERANCES + NEW))
    done = clone.repro()
    clone.commit("ten recordings")
    return clone, done


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Where a test puts its clone."""
    return tmp_path / "clone"


def test_a_clone_runs_its_own_code(base: Step) -> None:
    show = "import features, pipeline, training; print(features, pipeline, training)"
    shown = base[0].run(sys.executable, "-P", "-c", show).stdout
    assert shown.count(str(base[0].root)) == 3


def test_the_first_repro_computes_everything_and_the_second_runs_nothing(base: Step) -> None:
    clone, first = base
    assert first.computed == rows("a", UTTERANCES) | TRAINED
    again = clone.repro()
    assert again.ran == set()
    assert again.skipped == MODELS | stages("a") | AGGREGATES
    assert clone.git("status", "--short") == ""


def test_a_second_corpus_computes_only_its_own_rows(second: Step) -> None:
    done = second[1]
    assert done.skipped == MODELS | stages("a")
    assert done.ran == stages("b") | AGGREGATES
    assert done.computed == rows("b", OTHERS) | TRAINED


def test_ten_new_recordings_compute_ten_rows_per_feature(grown: Step) -> None:
    done = grown[1]
    assert done.skipped == MODELS | stages("b")
    assert done.computed == rows("a", NEW) | TRAINED
    assert done.reused == rows("a", UTTERANCES) | {"train@all": 0}


def test_a_removed_corpus_leaves_the_aggregates_as_if_it_had_never_been_there(
    base: Step, second: Step, there: Path
) -> None:
    clone = second[0].copy(there)
    clone.git("checkout", "--quiet", "HEAD~1", "--", "params.yaml")
    done = clone.repro("--no-run-cache")
    assert done.computed == TRAINED
    assert (clone.root / "data" / "store" / "mel" / "b").exists(), "its rows stay where they are"
    own = clone.files("reports/corpora/b")  # and so do its figures
    assert own
    assert aggregates(clone) == aggregates(base[0])
    for stage in AGGREGATES:
        assert clone.lock()[stage] == base[0].lock()[stage]
    assert clone.files("reports") == base[0].files("reports") | own


def test_a_parameter_of_one_feature_recomputes_that_feature_alone(base: Step, there: Path) -> None:
    clone = base[0].copy(there)
    before, made = clone.lock(), features(clone, "a")
    clone.set(bert__max_tokens=20)
    done = clone.repro("catalog")
    assert done.ran == {"bert@a", "catalog"}
    assert done.computed == {"bert@a": UTTERANCES}
    clone.commit("shorter texts")

    # back by git: nothing is computed again
    clone.restore("HEAD~1")
    assert features(clone, "a") == made
    assert clone.repro().ran == set()

    # back by hand: the feature alone is computed again, and nothing tells the difference
    clone.restore("-")
    assert features(clone, "a") != made
    clone.set(bert__max_tokens=128)
    assert clone.repro().computed == {"bert@a": UTTERANCES}
    assert features(clone, "a") == made
    assert clone.lock() == before


def test_an_old_commit_comes_back_with_dvc_checkout(base: Step, second: Step, there: Path) -> None:
    clone = second[0].copy(there)
    shutil.rmtree(clone.root / "data" / "store")
    shutil.rmtree(clone.root / "data" / "catalog")
    clone.dvc("checkout")  # DVC later removes what it put there itself, and nothing else
    clone.restore("HEAD~1")
    assert not features(clone, "b")
    assert features(clone, "a") == features(base[0], "a")
    assert aggregates(clone) == aggregates(base[0])
    assert clone.repro().ran == set()


def test_a_comment_recomputes_nothing(base: Step, there: Path) -> None:
    clone = base[0].copy(there)
    before, code = outputs(clone), clone.code()
    assert all(code.values()), "every stage depends on some code"
    for path in {clone.root / file for files in code.values() for file in files}:
        path.write_text(f"# A comment.\n{path.read_text()}# Another.\n")
    done = clone.repro()
    assert done.ran == code.keys()
    assert done.computed == rows("a", 0) | {"train@all": 0}
    assert outputs(clone) == before


def test_runs_trained_at_once_are_not_trained_again(base: Step, there: Path) -> None:
    clone = base[0].copy(there)
    task = YAML(typ="safe").load(clone.root / "params.yaml")["tasks"]["emotion4"]
    text = {**RUN, "modalities": ["bert"]}
    clone.set(
        presets__tuned__optimiser__lr=2e-3,
        tasks={"emotion4": task, "other": task},
        runs={"all": RUN, "text": text, "other": {**text, "task": "other"}},
    )
    done = clone.vcemo("train", "--all", check=False)
    assert done.returncode == 1
    assert "train: 3 runs, 1 failed, 4 computed, 0 reused" in done.stdout
    assert "1 of 3 runs failed" in done.stderr
    assert "the task is not packed; run `dvc repro pack@other`" in done.stderr
    found = {"train@all": 0, "train@text": 0, "train@other": SPLIT["folds"]}
    assert clone.repro().computed == found
    assert "2 reused" in clone.vcemo("train", "text").stdout


@pytest.fixture
def pushed(base: Step, there: Path) -> Clone:
    """A copy of the base whose results are in a remote."""
    clone = base[0].copy(there)
    clone.dvc("remote", "add", "--default", "storage", str(there.with_name("remote")))
    clone.commit("a remote")
    clone.dvc("push")
    return clone


def test_a_fresh_clone_computes_nothing_after_dvc_pull(pushed: Clone, tmp_path: Path) -> None:
    fresh = pushed.fresh(tmp_path / "fresh")
    fresh.dvc("pull")
    assert fresh.files("data/store") == pushed.files("data/store")
    assert fresh.repro().ran == set()


def test_a_fresh_clone_without_recordings_goes_on_from_their_features(
    pushed: Clone, tmp_path: Path
) -> None:
    fresh = pushed.fresh(tmp_path / "fresh", recordings=False)
    fresh.dvc("pull", "--allow-missing")
    fresh.set(presets__tuned__optimiser__lr=2e-3)
    assert fresh.repro("--allow-missing", "train@all").ran == {"train@all"}


def test_recordings_that_dvc_tracks_come_with_dvc_pull(base: Step, there: Path) -> None:
    clone = base[0].copy(there)
    clone.dvc("add", "data/raw/a")
    clone.dvc("remote", "add", "--default", "storage", str(there.with_name("remote")))
    clone.commit("recordings under DVC")
    clone.dvc("push")
    fresh = clone.fresh(there.with_name("fresh"), recordings=False)
    fresh.dvc("pull")
    assert fresh.files("data/raw") == clone.files("data/raw")
    assert fresh.repro().ran == set()


def test_from_scratch_killed_or_step_by_step_the_lock_is_the_same(grown: Step, there: Path) -> None:
    fresh = grown[0].fresh(there)
    (fresh.root / "dvc.lock").unlink()
    for stage in ("augment@a", "train@all"):
        fresh.repro_killed_in(stage, after_s=1.5)
    done = fresh.repro()
    assert done.ran == {"train@all", "evaluate@all", "report"}, "what was finished stays finished"
    assert fresh.lock() == grown[0].lock()
    assert fresh.kept() == grown[0].kept()
    assert fresh.files("reports") == grown[0].files("reports")


def test_an_experiment_trains_anew_and_is_compared_with_the_commit(base: Step, there: Path) -> None:
    clone = base[0].copy(there)
    clone.dvc("exp", "run", "--name", "slower", "--set-param", "presets.tuned.optimiser.lr=0.0005")
    params = YAML(typ="safe").load(clone.root / "params.yaml")
    assert params["presets"]["tuned"]["optimiser"]["lr"] == 0.0005
    assert "slower" in clone.dvc("exp", "show", "--csv")

    shown = json.loads(clone.dvc("metrics", "show", "--json"))[""]["data"]
    assert shown[METRICS]["data"]["pooled"].keys() >= {"wa", "ua", "f1_weighted", "f1_macro"}
    changed = json.loads(clone.dvc("metrics", "diff", "HEAD", "--all", "--json"))
    assert changed.keys() >= {METRICS}
    assert changed[METRICS]["pooled.ua"].keys() >= {"old", "new"}


def test_plots_show_the_run_and_compare_it_with_a_commit(base: Step, there: Path) -> None:
    clone = base[0].copy(there)
    for command in (("show",), ("diff", "HEAD")):
        out = there.with_name(command[0])
        clone.dvc("plots", *command, "--out", str(out))
        page = (out / "index.html").read_text()
        assert "confusion.csv" in page
        assert "curves.csv" in page
        assert {p.name.rsplit("_")[-1] for p in out.rglob("*.png")} == {
            "confusion.png",
            "curves.png",
            "cer.png",
            "reliability.png",
        }


def test_a_store_without_training_is_brought_up_to_date(base: Step, tmp_path: Path) -> None:
    clone = base[0].copy(tmp_path / "store")
    clone.set(splits={}, tasks={}, runs={})
    assert not any(clone.repro().computed.values())
    assert clone.repro().ran == frozenset()

"""The feature stages on a small corpus, with the real libraries and tiny models."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline import backends, params, stages
from pipeline.corpus import Corpus
from pipeline.demo.models import make_models
from tests.projects import Project, add_corpus, add_recordings, make_project

UTTERANCES = 12
EACH = {"asr": 12, "augment": 36, "mel": 48, "words": 12, "bert": 12}  # rows


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with every feature computed, by one worker."""
    project = make_project(tmp_path_factory.mktemp("stages") / "project")
    add_corpus(project, "c", UTTERANCES)
    make_models(project.root / "data" / "models" / "demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        assert counts(run_all()) == EACH
    return project


@pytest.fixture
def here(full: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the project, as the current directory."""
    copy = Project(tmp_path / "copy")
    shutil.copytree(full.root, copy.root)
    monkeypatch.chdir(copy.root)
    return copy


def run_all(workers: int = 1) -> dict[str, stages.Summary]:
    corpus = Corpus.named("c", params.load())
    stages.run_manifest(corpus, workers)
    return {name: stages.run(name, corpus, workers) for name in stages.STAGES}


def counts(done: dict[str, stages.Summary]) -> dict[str, int]:
    return {name: summary.computed for name, summary in done.items()}


def rows(feature: str) -> pa.Table:
    corpus = Corpus.named("c", params.load())
    names = getattr(stages, feature).PAYLOAD.names
    variant = "view" if feature in ("views", "mel") else "source"
    table = corpus.rows(feature, "utt_id", variant, "key", *names)
    return table.sort_by([("utt_id", "ascending"), (variant, "ascending")])


def test_a_second_run_computes_nothing_and_changes_no_byte(here: Project) -> None:
    before = here.files("data")
    assert counts(run_all()) == dict.fromkeys(EACH, 0)
    assert here.files("data") == before


def test_two_workers_leave_the_same_bytes_as_one(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "TASKS_WORTH_A_PROCESS", 1)
    alone = here.files("data/store")
    shutil.rmtree(here.root / "data" / "store")
    run_all(workers=2)
    assert here.files("data/store") == alone


def test_new_recordings_compute_their_rows_alone_and_leave_the_bytes_of_a_clean_run(
    here: Project,
) -> None:
    add_recordings(here, "c", range(UTTERANCES, UTTERANCES + 10))
    assert counts(run_all()) == {"asr": 10, "augment": 30, "mel": 40, "words": 10, "bert": 10}
    incremental = here.files("data/store") | here.files("data/catalog")
    shutil.rmtree(here.root / "data" / "store")
    run_all()
    assert here.files("data/store") | here.files("data/catalog") == incremental


@pytest.mark.parametrize(
    ("change", "recomputed"),
    [
        ({"mel__n_mels": 40}, ("mel",)),
        ({"augment__noise__snr_db": 20}, ("augment", "mel")),
        ({"bert__max_tokens": 20}, ("bert",)),
        ({"words__segmenters": {"zh": "char"}}, ()),  # nothing here is Chinese
        ({"store__target_rows__mel": 8}, ()),
        ({"corpora__c__labels": {"angry": "frustrated"}}, ()),
    ],
    ids=str,
)
def test_a_parameter_recomputes_the_rows_that_it_changes(
    here: Project, change: dict[str, object], recomputed: tuple[str, ...]
) -> None:
    here.set(**change)
    done = counts(run_all())
    assert tuple(name for name, computed in done.items() if computed) == recomputed


def test_a_changed_noise_level_leaves_the_other_views_alone(here: Project) -> None:
    here.set(augment__noise__snr_db=20)
    done = run_all()
    assert counts(done)["augment"] == counts(done)["mel"] == UTTERANCES


def test_a_changed_model_recomputes_its_rows(here: Project) -> None:
    config = here.root / "data" / "models" / "demo" / "bert" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert {name for name, computed in counts(run_all()).items() if computed} == {"bert"}


def test_a_view_keeps_the_recipe_it_was_made_with(here: Project) -> None:
    views = rows("views").to_pylist()
    assert {v["view"] for v in views} == {"noise", "pitch", "stretch"}
    for view in views:
        told = [name for name in ("snr_db", "semitones", "rate") if view[name] is not None]
        assert told == [{"noise": "snr_db", "pitch": "semitones", "stretch": "rate"}[view["view"]]]
        assert view["flac"][:4] == b"fLaC"


def test_the_mel_of_a_view_has_the_length_of_the_view(here: Project) -> None:
    durations = {(v["utt_id"], v["view"]): v["duration_s"] for v in rows("views").to_pylist()}
    for row in rows("mel").to_pylist():
        assert len(row["mel"]) == row["frames"] * 80
        if row["view"] != "original":
            assert row["frames"] == int(durations[row["utt_id"], row["view"]] * 16000) // 160 + 1


# A fingerprint of each feature's values in the corpus above, at VERSION 1: mean, deviation, and
# the mean after a slow wave is laid over them. A change here without a new VERSION would let a
# store mix old and new rows under the same keys.
GOLDEN = {
    "mel": ("mel", (-2.7078, 2.5040, 0.0056)),
    "words": ("vectors", (0.0052, 0.1405, 0.0005)),
    "bert": ("first", (0.0, 1.0, -0.0185)),
}


@pytest.mark.parametrize("feature", GOLDEN)
def test_values_change_only_with_the_version(here: Project, feature: str) -> None:
    column, expected = GOLDEN[feature]
    values = rows(feature)[column].combine_chunks().flatten().to_numpy().astype(np.float64)
    wave = np.cos(0.1 * np.arange(len(values)))
    assert (values.mean(), values.std(), (wave * values).mean()) == pytest.approx(
        expected, abs=2e-4
    ), f"the values of {feature} changed: bump VERSION in pipeline/rows/{feature}.py, then this"

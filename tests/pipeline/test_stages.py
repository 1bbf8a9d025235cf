"""The feature stages on a small corpus, with the real libraries and tiny models."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline import params, stages
from pipeline.corpus import Corpus
from pipeline.demo.models import make_models
from tests.projects import Project, add_corpus, add_recordings, make_project

UTTERANCES = 12


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("stages") / "project")
    add_corpus(project, "c", UTTERANCES)
    make_models(project.root / "data" / "models" / "demo")
    return project


@pytest.fixture
def here(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A copy of the project, as the current directory."""
    copy = Project(tmp_path / "copy")
    shutil.copytree(project.root, copy.root)
    monkeypatch.chdir(copy.root)
    yield copy


def run_all(workers: int = 1) -> dict[str, stages.Summary]:
    corpus = Corpus.named("c", params.load())
    stages.run_manifest(corpus, workers)
    return {name: stages.run(name, corpus, workers) for name in stages.STAGES}


def counts(done: dict[str, stages.Summary]) -> dict[str, int]:
    return {name: summary.computed for name, summary in done.items()}


def rows(feature: str) -> pa.Table:
    corpus = Corpus.named("c", params.load())
    names = getattr(stages, {"transcripts": "transcripts"}.get(feature, feature)).PAYLOAD.names
    variant = "view" if feature in ("views", "mel") else "source"
    table = corpus.rows(feature, "utt_id", variant, "key", *names)
    return table.sort_by([("utt_id", "ascending"), (variant, "ascending")])


EACH = {"asr": 12, "augment": 36, "mel": 48, "words": 12, "bert": 12}


def test_the_first_run_computes_every_row_and_the_second_none(here: Project) -> None:
    assert counts(run_all()) == EACH
    before = here.files("data/store") | here.files("data/catalog") | here.files("data/manifest")
    assert counts(run_all()) == dict.fromkeys(EACH, 0)
    assert (
        here.files("data/store") | here.files("data/catalog") | here.files("data/manifest")
        == before
    )


def test_two_workers_leave_the_same_bytes_as_one(here: Project) -> None:
    run_all(workers=1)
    alone = here.files("data/store")
    shutil.rmtree(here.root / "data" / "store")
    run_all(workers=2)
    assert here.files("data/store") == alone


def test_new_recordings_compute_their_rows_alone_and_leave_the_bytes_of_a_clean_run(
    here: Project,
) -> None:
    run_all()
    add_recordings(here, "c", range(UTTERANCES, UTTERANCES + 10))
    assert counts(run_all()) == {"asr": 10, "augment": 30, "mel": 40, "words": 10, "bert": 10}
    incremental = here.files("data/store") | here.files("data/catalog")
    shutil.rmtree(here.root / "data" / "store")
    run_all()
    assert here.files("data/store") | here.files("data/catalog") == incremental


@pytest.mark.parametrize(
    ("change", "recomputed"),
    [
        ({"mel__n_mels": 40}, {"mel"}),
        ({"augment__noise__snr_db": 20}, {"augment", "mel"}),
        ({"bert__max_tokens": 20}, {"bert"}),
        ({"words__segmenters": {"zh": "char"}}, set()),  # nothing here is Chinese
        ({"store__target_rows__mel": 8}, set()),
        ({"corpora__c__labels": {"angry": "frustrated"}}, set()),
    ],
    ids=str,
)
def test_a_parameter_recomputes_the_rows_that_it_changes(
    here: Project, change: dict[str, object], recomputed: set[str]
) -> None:
    run_all()
    here.set(**change)
    assert {name for name, computed in counts(run_all()).items() if computed} == recomputed


def test_a_changed_noise_level_leaves_the_other_views_alone(here: Project) -> None:
    run_all()
    here.set(augment__noise__snr_db=20)
    done = run_all()
    assert counts(done)["augment"] == counts(done)["mel"] == UTTERANCES


def test_a_changed_model_recomputes_its_rows(here: Project) -> None:
    run_all()
    config = here.root / "data" / "models" / "demo" / "bert" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert {name for name, computed in counts(run_all()).items() if computed} == {"bert"}


def test_a_view_keeps_the_recipe_it_was_made_with(here: Project) -> None:
    run_all()
    views = rows("views").to_pylist()
    assert {v["view"] for v in views} == {"noise", "pitch", "stretch"}
    for view in views:
        told = [name for name in ("snr_db", "semitones", "rate") if view[name] is not None]
        assert told == [{"noise": "snr_db", "pitch": "semitones", "stretch": "rate"}[view["view"]]]
        assert view["flac"][:4] == b"fLaC"


def test_the_mel_of_a_view_has_the_length_of_the_view(here: Project) -> None:
    run_all()
    durations = {(v["utt_id"], v["view"]): v["duration_s"] for v in rows("views").to_pylist()}
    for row in rows("mel").to_pylist():
        assert len(row["mel"]) == row["frames"] * 80
        if row["view"] != "original":
            assert row["frames"] == int(durations[row["utt_id"], row["view"]] * 16000) // 160 + 1


# What the rows of the corpus above hold: a fingerprint of each feature's values, of VERSION 1.
# A change here without a new VERSION would let stores mix old and new rows under the same keys.
GOLDEN = {
    "mel": ("mel", -6.38, 2.5),
    "words": ("vectors", 0.0, 1.0),
    "bert": ("first", 0.0, 1.0),
}


@pytest.mark.parametrize("feature", GOLDEN)
def test_values_change_only_with_the_version(here: Project, feature: str) -> None:
    run_all()
    column, mean, deviation = GOLDEN[feature]
    values = rows(feature)[column].combine_chunks().flatten().to_numpy().astype(np.float64)
    found = (values.mean(), values.std())
    assert found == pytest.approx((mean, deviation), abs=1e-3), (
        f"the values of {feature} changed: bump VERSION in pipeline/rows/{feature}.py, then this fingerprint"
    )

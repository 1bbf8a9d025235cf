"""The feature stages on a small corpus, with the real libraries and tiny models."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.audio import decode_flac
from pipeline import backends, params, stages
from pipeline.corpus import Corpus
from pipeline.demo.models import make_models
from tests.projects import Project, add_corpus, add_recordings, make_project

UTTERANCES = 12
EACH = {  # rows
    "asr": 12,
    "asr_scores": 0,  # nothing was recognised
    "augment": 36,
    "mel": 48,
    "words": 12,
    "bert": 12,
}


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
    before = here.kept()
    assert counts(run_all()) == dict.fromkeys(EACH, 0)
    assert here.kept() == before


def test_two_workers_leave_the_same_bytes_as_one(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, stage in list(stages.STAGES.items()):
        monkeypatch.setitem(stages.STAGES, name, replace(stage, worth_a_process=1))
    alone = here.files("data/store")
    shutil.rmtree(here.root / "data" / "store")
    run_all(workers=2)
    assert here.files("data/store") == alone


def test_texts_that_are_only_copied_start_no_process(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager = replace(stages.STAGES["asr"], worth_a_process=1)
    monkeypatch.setitem(stages.STAGES, "asr", eager)
    monkeypatch.setattr(backends, "processes", None)
    shutil.rmtree(here.root / "data" / "store" / "transcripts")
    assert stages.run("asr", Corpus.named("c", params.load()), workers=2).computed == UTTERANCES


def test_new_recordings_compute_their_rows_alone_and_leave_the_bytes_of_a_clean_run(
    here: Project,
) -> None:
    add_recordings(here, "c", range(UTTERANCES, UTTERANCES + 10))
    done = counts(run_all())
    assert done == {"asr": 10, "asr_scores": 0, "augment": 30, "mel": 40, "words": 10, "bert": 10}
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
        ({"bert__tokens": True}, ("bert",)),
        ({"bert__dtype": "bfloat16"}, ("bert",)),
        ({"bert__allow_pickle": True}, ()),
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


# Values of the corpus above, at the VERSION of each feature's rows. A change here without a new
# VERSION would let a store mix old and new rows under the same keys.
UTTERANCE = "c/0003"


@dataclass(frozen=True)
class Golden:
    """What some columns of one row of UTTERANCE hold."""

    feature: str
    version: int
    variant: str
    exact: dict[str, object]
    samples: dict[str, tuple[slice, list[float]]]  # places in the flat array, values there
    tolerance: float  # above what the last digits of other processors' arithmetic make of it


def golden_view(variant: str, seconds: float, recipe: dict[str, float], *sound: float) -> Golden:
    """The sound every 900 samples from 500 on; the vocoder's phases differ a little elsewhere."""
    told = dict.fromkeys(("snr_db", "semitones", "rate")) | recipe
    exact = {"sample_rate": 16000, "duration_s": seconds} | told
    return Golden("views", 1, variant, exact, {"flac": (slice(500, None, 900), [*sound])}, 5e-3)


def golden_mel(variant: str, frames: int, *mel: float) -> Golden:
    """Every 357th value from the 85th on: another band each time."""
    places = slice(85, None, 357)
    return Golden("mel", 1, variant, {"frames": frames}, {"mel": (places, [*mel])}, 2e-2)


GOLDEN = [
    Golden(
        "transcripts",
        4,
        "reference",
        {
            "text": "we won the game 3",
            "text_key": "f3f0262ce7caa74b6229e61ccf15da26",
            "language": "en",
        },
        {},
        0,
    ),
    golden_view("noise", 0.325, {"snr_db": 30}, -0.1245, 0.2043, 0.2589, -0.0128, -0.2887, -0.2088),
    golden_view(
        "pitch",
        0.325,
        {"semitones": 1.2013062238693237},
        *(0.08, -0.2649, 0.2115, 0.0305, -0.2373, 0.0815),
    ),
    golden_view(
        "stretch", 0.3105, {"rate": 1.046797275543213}, -0.1143, 0.2016, 0.2663, -0.007, -0.2766
    ),
    golden_mel("original", 33, 3.559, -3.988, -2.088, -3.848, -2.676, -3.365, -2.328, -3.312),
    golden_mel("noise", 33, 3.545, -3.723, -1.509, -3.48, -2.525, -3.734, -2.188, -3.457),
    golden_mel("pitch", 33, 0.98, -3.404, -4.941, -4.75, -2.947, -4.895, -3.479, -3.018),
    golden_mel("stretch", 32, 3.555, -4.012, -2.092, -3.77, -2.76, -3.428, -2.365),
    Golden(
        "words",
        1,
        "reference",
        {
            "tokens": ["we", "won", "the", "game", "3"],
            "known": [False, False, True, False, False],
        },
        {"vectors": (slice(600, 606), [0.0251, 0.3748, 0.5935, 0.2601, -0.0948, -0.5711])},
        1e-4,
    ),
    Golden(
        "bert",
        2,
        "reference",
        {"n_tokens": 13, "truncated": False},
        {
            "first": (slice(0, None, 32), [0.0579, -0.1218, 0.5379, -0.3757, 1.6821, -0.5755]),
            "mean": (slice(0, None, 32), [1.0988, -0.1755, 0.4576, -0.0332, 1.3783, -0.098]),
        },
        1e-3,
    ),
]
# Over all rows: mean, deviation, and the mean after a slow wave is laid over them.
AVERAGES = {
    ("views", "flac"): (0.0007, 0.2047, 0.0002),
    ("mel", "mel"): (-2.7078, 2.5040, 0.0056),
    ("words", "vectors"): (0.0052, 0.1405, 0.0005),
    ("bert", "first"): (0.0, 1.0, -0.0185),
    ("bert", "mean"): (0.0, 0.8641, -0.0080),
}


def numbers(value: bytes | list[float]) -> np.ndarray:
    """The flat array that a row holds; FLAC decoded."""
    sound = decode_flac(value)[0] if isinstance(value, bytes) else value
    return np.asarray(sound, np.float64)


def test_every_feature_and_variant_has_golden_values(here: Project) -> None:
    for feature in (stage.feature for stage in stages.STAGES.values()):
        variants = {r.get("view") or r["source"] for r in rows(feature).to_pylist()}
        assert {g.variant for g in GOLDEN if g.feature == feature} == variants


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{golden.feature}-{golden.variant}")
def test_values_change_only_with_the_version(here: Project, golden: Golden) -> None:
    made_by = getattr(stages, golden.feature)
    assert golden.version == made_by.VERSION, "a new VERSION has new golden values"
    found = rows(golden.feature).to_pylist()
    ids = (UTTERANCE, golden.variant)
    (row,) = (r for r in found if (r["utt_id"], r.get("view") or r["source"]) == ids)
    advice = f"values changed: bump VERSION in {made_by.__name__}, then this"
    assert {name: row[name] for name in golden.exact} == golden.exact, advice
    for column, (places, values) in golden.samples.items():
        expected = pytest.approx(values, abs=golden.tolerance)
        assert numbers(row[column])[places].tolist() == expected, advice


@pytest.mark.parametrize(("feature", "column"), AVERAGES, ids=str)
def test_averages_change_only_with_the_version(here: Project, feature: str, column: str) -> None:
    values = np.concatenate([numbers(value) for value in rows(feature)[column].to_pylist()])
    wave = np.cos(0.1 * np.arange(len(values)))
    found = (values.mean(), values.std(), (wave * values).mean())
    assert found == pytest.approx(AVERAGES[feature, column], abs=2e-4)

"""params.yaml is read strictly, and every fault names its place and the fix."""

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from pipeline import params, profiles
from pipeline.params import ParamsError
from tests.features.test_asr import NO_DOUBT, PARAMS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plain() -> Any:
    return YAML(typ="safe").load(ROOT / "profiles" / "demo.yaml")


@pytest.mark.parametrize(
    "profile", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_profile_holds_together(profile: Path) -> None:
    found = params.load(profile)
    for run in found.runs:
        assert params.run_settings(found, run).name == run


def test_numbers_are_read_as_yaml_1_2(tmp_path: Path, plain: Any) -> None:
    text = (ROOT / "profiles" / "demo.yaml").read_text().replace("lr: 3e-3", "lr: 3e-4")
    (tmp_path / "params.yaml").write_text(text)
    assert params.load(tmp_path / "params.yaml").presets["tuned"].optimiser.lr == 3e-4


def test_an_unknown_key_names_the_nearest_one(plain: Any) -> None:
    plain["mel"]["n_mel"] = 40
    with pytest.raises(ParamsError, match=r"p: mel\.n_mel: unknown key; did you mean 'n_mels'\?"):
        params.read(plain, "p")


def test_an_unknown_key_inside_an_optional_section_names_what_is_known(plain: Any) -> None:
    plain["augment"]["noise"]["loudness"] = 3
    with pytest.raises(
        ParamsError, match=r"augment\.noise\.loudness: unknown key; known here: snr_db"
    ):
        params.read(plain, "p")


def test_an_unknown_key_inside_a_named_entry_is_found(plain: Any) -> None:
    plain["runs"]["all"]["modality"] = ["audio"]
    with pytest.raises(
        ParamsError, match=r"runs\.all\.modality: unknown key; did you mean 'modalities'\?"
    ):
        params.read(plain, "p")


def test_a_missing_key_is_named(plain: Any) -> None:
    del plain["mel"]["hop_ms"]
    with pytest.raises(ParamsError, match=r"p: mel\.hop_ms: missing; add it"):
        params.read(plain, "p")


def test_a_mistyped_value_tells_what_was_found(plain: Any) -> None:
    plain["mel"]["n_mels"] = "eighty"
    with pytest.raises(
        ParamsError, match=r"mel\.n_mels: found 'eighty'; Input should be a valid integer"
    ):
        params.read(plain, "p")


def test_every_fault_is_told_at_once(plain: Any) -> None:
    plain["mel"]["n_mels"] = "eighty"
    plain["bert"]["max_tokens"] = None
    with pytest.raises(ParamsError) as raised:
        params.read(plain, "p")
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("task", "emotion5", r"runs\.all\.task: found 'emotion5', expected one of: emotion4"),
        ("split", "loso", r"runs\.all\.split: found 'loso', expected one of: official"),
        ("size", "huge", r"runs\.all\.size: found 'huge', expected one of: full, small, tiny"),
        (
            "preset",
            "best",
            r"runs\.all\.preset: found 'best', expected one of: paper, paper-iemocap, tuned",
        ),
        ("source", "whisper", r"runs\.all\.source: found 'whisper', expected one of: reference"),
    ],
)
def test_a_run_that_names_what_is_not_there_is_refused(
    plain: Any, key: str, value: str, says: str
) -> None:
    plain["runs"]["all"][key] = value
    with pytest.raises(ParamsError, match=says):
        params.read(plain, "p")


def test_an_unknown_modality_is_one_clear_error(plain: Any) -> None:
    plain["runs"]["all"]["modalities"] = ["audio", "video"]
    with pytest.raises(ParamsError) as raised:
        params.read(plain, "p")
    at = "p: runs.all.modalities.1: found 'video'; Input should be 'audio', 'words' or 'bert'"
    assert str(raised.value) == at


def test_a_run_of_audio_alone_does_not_name_a_source_that_is_not_there(plain: Any) -> None:
    plain["runs"]["all"] |= {"modalities": ["audio"], "source": "whisper"}
    with pytest.raises(ParamsError, match=r"runs\.all\.source: found 'whisper'"):
        params.read(plain, "p")


def test_a_name_that_cannot_be_a_folder_is_refused(plain: Any) -> None:
    plain["corpora"]["a/b"] = plain["corpora"].pop("demo")
    with pytest.raises(ParamsError, match="corpora: found the name 'a/b'"):
        params.read(plain, "p")


def test_the_name_reference_is_taken(plain: Any) -> None:
    whisper = asdict(replace(PARAMS, doubt=replace(NO_DOUBT, temperatures=[])))
    plain["asr"]["sources"]["reference"] = whisper
    with pytest.raises(ParamsError, match="'reference' always stands for"):
        params.read(plain, "p")


def test_no_file_and_no_yaml_are_told(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="run in the project root"):
        params.load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1")
    with pytest.raises(ParamsError, match="not YAML"):
        params.load(tmp_path / "params.yaml")


def test_a_profile_is_written_with_its_comments_and_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    out = tmp_path / "params.yaml"
    profiles.use("demo", ["mel.n_mels=64", "asr.sources={}", "bert.models.en=org/name"], out)
    assert params.load(out).mel.n_mels == 64
    assert params.load(out).bert.models["en"] == "org/name"
    assert "# text sources beside `reference`" in out.read_text()


def test_an_unchanged_profile_keeps_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    profiles.use("demo", [], tmp_path / "params.yaml")
    assert (tmp_path / "params.yaml").read_bytes() == (ROOT / "profiles" / "demo.yaml").read_bytes()


def containers(node: Any) -> Iterator[Any]:
    """Every section and list of a document, as often as it is found."""
    if isinstance(node, dict | list):
        yield node
        for value in node.values() if isinstance(node, dict) else node:
            yield from containers(value)


@pytest.mark.parametrize("name", sorted(p.stem for p in (ROOT / "profiles").glob("*.yaml")))
def test_a_written_profile_says_the_same_and_shares_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """`dvc exp run -S` would change nothing in what two entries share."""
    monkeypatch.chdir(ROOT)
    out = tmp_path / "params.yaml"
    profiles.use(name, [], out)
    written, meant = (
        YAML(typ="safe").load(path.read_text()) for path in (out, ROOT / f"profiles/{name}.yaml")
    )
    assert written == meant
    sections = [*containers(YAML().load(out))]
    assert len({id(each) for each in sections}) == len(sections)
    assert not re.search(r"<<:|[:\[,-] *[&*]\w", out.read_text())


def test_comments_stay_with_what_they_are_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "profiles" / "emodb.yaml").read_text()
    (tmp_path / "profiles").mkdir()
    twin = "    normalisation: speaker # their own\n    mixup: 0.1 # little\n"
    assert "    normalisation: speaker\n" in text
    changed = text.replace("    normalisation: speaker\n", twin)
    (tmp_path / "profiles" / "mine.yaml").write_text(changed)
    monkeypatch.chdir(tmp_path)
    profiles.use("mine")
    written = (tmp_path / "params.yaml").read_text()
    assert "normalisation: speaker # their own\n" in written
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    assert [line for line in lines if line not in written] == []
    assert "\n\nruns:" in written and "\n\nrobustness:" in written


def test_a_change_of_what_entries_share_is_a_change_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    out = tmp_path / "params.yaml"
    changes = ["presets.tuned.optimiser.lr=0.125", "presets.tuned.epochs=7"]
    profiles.use("emodb", changes, out)
    for preset in ("tuned", "tuned-speaker"):
        changed = params.load(out).presets[preset]
        assert (changed.optimiser.lr, changed.epochs) == (0.125, 7)
    profiles.use("emodb", ["presets.tuned-speaker.optimiser.lr=0.5"], out)
    lent = params.load(ROOT / "profiles" / "emodb.yaml").presets["tuned"].optimiser.lr
    assert params.load(out).presets["tuned"].optimiser.lr == lent
    assert params.load(out).presets["tuned-speaker"].optimiser.lr == 0.5
    profiles.use("emodb", changes, out)
    apply_overrides(str(out), ["presets.tuned.optimiser.lr=0.25"])
    presets = params.load(out).presets
    assert (presets["tuned"].optimiser.lr, presets["tuned-speaker"].optimiser.lr) == (0.25, 0.125)


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("dmeo", [], "found 'dmeo', expected one of: demo"),
        ("demo", ["mel.n_mels"], "found 'mel.n_mels', expected key.of.something=value"),
        ("demo", ["mel.bins=3"], r"mel\.bins: unknown key"),
        ("demo", ["audio.sample_rate_hz.x=3"], "'x' is not inside a section"),
    ],
)
def test_a_profile_that_cannot_be_used_leaves_params_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, changes: list[str], says: str
) -> None:
    monkeypatch.chdir(ROOT)
    out = tmp_path / "params.yaml"
    with pytest.raises(ParamsError, match=says):
        profiles.use(name, changes, out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("2026-01-01", "dates need quotes"),
        (".nan", "are no parameters"),
    ],
)
def test_values_that_are_no_parameters_are_told(tmp_path: Path, value: str, says: str) -> None:
    text = (ROOT / "profiles" / "demo.yaml").read_text()
    changed = text.replace("max_duration_s: 60", f"max_duration_s: {value}")
    (tmp_path / "params.yaml").write_text(changed)
    with pytest.raises(ParamsError, match=says):
        params.load(tmp_path / "params.yaml")


def test_a_shard_must_hold_something(plain: Any) -> None:
    plain["store"]["target_rows"]["mel"] = 0
    with pytest.raises(ParamsError, match=r"target_rows\.mel is 0, expected at least 1"):
        params.read(plain, "p")


@pytest.mark.parametrize("section", ["corpora", "runs", "sizes", "presets", "splits", "tasks"])
def test_a_name_with_a_dot_is_refused(plain: Any, section: str) -> None:
    plain[section]["a.b"] = next(iter(plain[section].values()))
    with pytest.raises(ParamsError, match=rf"{section}: found the name 'a\.b'"):
        params.read(plain, "p")


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"name": "lstm"}, r"sizes\.own\.name: found 'lstm', expected one of: 'vcemo', 'umons', "),
        ({"hidden": 5}, r"sizes\.own\.name: missing; it says which model"),
        ({"name": "xu", "hidden": 0, "dropout": 0.5, "words": "frozen"}, r"hidden is 0, expected"),
        ({"name": "xu", "d": 5}, r"sizes\.own\.d: unknown key; known here: name, hidden, dropout"),
        ({"name": "xu", "hidden": 5}, r"sizes\.own\.dropout: missing; add it"),
    ],
)
def test_a_size_is_read_as_the_model_it_names(
    plain: Any, size: dict[str, Any], message: str
) -> None:
    plain["sizes"]["own"] = size
    with pytest.raises(ParamsError, match=message):
        params.read(plain, "p")


def test_a_run_that_its_model_cannot_do_is_refused_before_any_stage(plain: Any) -> None:
    plain["runs"]["audio"]["size"] = "umons"
    with pytest.raises(
        ParamsError, match=r"runs\.audio: modalities is \['audio'\], expected audio"
    ):
        params.read(plain, "p")

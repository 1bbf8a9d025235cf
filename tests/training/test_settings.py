import json
import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from training.settings import RunSettings, from_json, read_run, to_json
from training.train_settings import Moco

MASKS = {"time_masks": 1, "time_frames": 1, "frequency_masks": 1, "frequency_bins": 1}


def changed(run, path, value):
    """The run's JSON with one entry replaced, or removed where `value` is `...`."""
    tree = json.loads(to_json(run))
    *parents, name = path.split(".")
    place = tree
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[name]
    else:
        place[name] = value
    return json.dumps(tree)


@given(
    st.none() | st.builds(Moco, st.integers(8, 99), st.floats(0.0, 1.0)),
    st.none() | st.integers(1, 9),
    st.floats(1e-6, 1.0),
)
def test_json_brings_back_the_same_run(run_settings, moco, patience, lr):
    training = run_settings.training
    training = replace(
        training,
        contrast=replace(training.contrast, moco=moco),
        optimiser=replace(training.optimiser, lr=lr),
        patience=patience,
    )
    run = replace(run_settings, training=training)
    assert from_json(to_json(run)) == run


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("extra", 1, r"run has unknown settings \['extra'\]"),
        ("model.width", 1, r"run\.model has unknown settings \['width'\]"),
        ("training.optimiser.lr", ..., r"run\.training\.optimiser lacks the settings \['lr'\]"),
        (
            "training.optimiser.lr",
            "3e-4",
            r"run\.training\.optimiser\.lr is '3e-4' \(str\), expected float",
        ),
        ("training.epochs", 3.0, r"run\.training\.epochs is 3\.0 \(float\), expected int"),
        ("training.epochs", True, r"run\.training\.epochs is True \(bool\), expected int"),
        ("training.patience", "no", r"run\.training\.patience is 'no' \(str\), expected int"),
        ("training.views", ["echo"], r"run\.training\.views\[0\] is 'echo', expected one of"),
        ("modalities", ["video"], r"is 'video', expected one of \['audio', 'words', 'bert'\]"),
        ("modalities", "audio", r"run\.modalities is 'audio', expected a list"),
        ("model.align", "dtw", r"run\.model\.align is 'dtw', expected one of"),
        ("model.conv_channels", [8], r"conv_channels has 1 items, expected 2"),
        ("model", 5, r"run\.model is 5, expected a mapping"),
        ("model", {}, r"run\.model lacks the settings \['name'\]"),
        ("model.name", "lstm", r"run\.model\.name is 'lstm', expected one of \['vcemo', 'umons', "),
        ("model.word_conv", "time_mix", r"align is 'resample_word_to_audio', expected fixed60"),
        ("modalities", [], r"modalities is \(\), expected at least one"),
        ("seeds", [1, 1], r"seeds names something twice: \[1, 1\]"),
        ("seeds", [-1], r"seeds is \(-1,\), expected 0 or more"),
        ("model.heads", 5, r"model\.heads is 5, expected a divisor of the width, 32"),
        ("model.dropout", 1.0, r"model\.dropout is 1\.0, expected 0 <= p < 1"),
        ("training.batch_size", 1, r"training\.batch_size is 1, expected at least 2"),
        ("training.optimiser.lr", 0.0, r"training\.optimiser\.lr is 0\.0, expected above 0"),
        ("training.contrast.alpha", -1, r"training\.contrast\.alpha is -1\.0, expected above 0"),
        (
            "training.optimiser.lr",
            math.inf,
            r"training\.optimiser\.lr is inf, expected above 0 and finite",
        ),
        ("training.optimiser.weight_decay", math.inf, r"weight_decay is inf, expected 0 or more"),
        ("training.contrast.alpha", math.nan, r"alpha is nan, expected above 0 and finite"),
        ("training.view_probability", 1.5, r"view_probability is 1\.5, expected 0\.\.1"),
        ("training.view_pairs", 1, r"view_pairs"),
        ("training.precision", "half", r"training\.precision is 'half', expected one of"),
        ("training.compile", "max", r"training\.compile"),
        ("training.views", [], r"training\.views is empty but view_probability is 0\.5"),
        ("training.sampling", "weighted", r"training\.sampling is 'weighted', expected one of"),
        ("training.normalisation", "none", r"expected one of \['train', 'speaker'\]"),
        ("training.mixup", -0.1, r"training\.mixup is -0\.1, expected 0 or more"),
        ("training.modality_dropout", 2, r"training\.modality_dropout is 2\.0, expected 0\.\.1"),
        ("training.text_dropout", 2, r"training\.text_dropout is 2\.0, expected 0\.\.1"),
        ("training.spec_augment", {"time_masks": 1}, r"spec_augment lacks the settings"),
        ("training.spec_augment", MASKS | {"time_frames": -1}, r"time_frames is -1, expected 0"),
        ("training.objective.label_smoothing", 1, r"label_smoothing is 1\.0, expected 0 <= share"),
        ("training.contrast.moco", {"queue": 7, "momentum": 0.9}, r"least the batch_size, 8"),
        ("training.contrast.moco", {"queue": 99, "momentum": 2}, r"momentum is 2\.0, expected 0"),
        ("training.optimiser.warm_up", 1, r"warm_up is 1\.0, expected 0 <= share < 1"),
        ("training.optimiser.clip_value", 0, r"clip_value is 0\.0, expected above 0"),
        ("training.ema", 1.0, r"training\.ema is 1\.0, expected between 0 and 1, or null"),
        ("training.members", 0, r"training\.members is 0, expected at least 1"),
        ("training.average_epochs", 0, r"training\.average_epochs is 0, expected at least 1"),
        ("training.patience", 0, r"training\.patience is 0, expected at least 1, or null"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(run_settings, path, value, message):
    with pytest.raises(ValueError, match=message):
        from_json(changed(run_settings, path, value))


def test_an_integer_may_stand_for_a_float(run_settings):
    assert from_json(changed(run_settings, "training.optimiser.lr", 1)).training.optimiser.lr == 1.0


def test_errors_of_a_file_name_the_file(run_settings, tmp_path):
    path = tmp_path / "run.json"
    path.write_text("{")
    with pytest.raises(ValueError, match=r"run\.json: the run file is not JSON"):
        read_run(path)
    path.write_text(to_json(run_settings))
    assert read_run(path) == run_settings


def test_pydantic_reads_the_same_dataclasses_and_checks_them_too(run_settings):
    adapter = TypeAdapter(RunSettings)
    assert adapter.validate_json(to_json(run_settings)) == run_settings
    tree = asdict(run_settings)
    tree["model"]["heads"] = 5
    with pytest.raises(ValidationError, match="divisor of the width"):
        adapter.validate_python(tree)


def test_every_model_is_read_by_its_name(baseline_runs):
    for run in baseline_runs.values():
        assert from_json(to_json(run)) == run


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"modalities": ("audio",)},
            r"modalities is \['audio'\], expected audio and words, as the",
        ),
        ({"modalities": ("audio", "words", "bert")}, r"the model 'xu' has no others"),
        ({"modalities": ("audio", "words")}, r"expected null, as the model 'xu' has no contrast"),
    ],
)
def test_a_baseline_has_two_inputs_and_no_contrast(run_settings, baselines, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(run_settings, model=baselines["xu"], **changes)


def test_words_by_number_are_not_mixed(baseline_runs):
    mixed = replace(baseline_runs["xu"].training, mixup=0.3)
    assert replace(baseline_runs["xu"], training=mixed).training.mixup == 0.3  # it has vectors
    message = r"training\.mixup is 0\.3, expected 0, as the model '{}' knows words by number"
    for name in ("umons", "xu_delta", "yoon_mdre", "cme"):
        with pytest.raises(ValueError, match=message.format(name)):
            replace(baseline_runs[name], training=mixed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ema": 0.9, "average_epochs": 2}, "both average: keep one"),
        ({"best_by": "last", "patience": 3}, "patience needs a score"),
    ],
)
def test_options_that_contradict_each_other_are_refused(run_settings, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(run_settings.training, **changes)

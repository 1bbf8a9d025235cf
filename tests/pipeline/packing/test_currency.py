import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import params
from pipeline.packing.currency import require_current
from pipeline.packing.made_with import made_with
from pipeline.packing.rows import PackError
from training.meta import FORMAT

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "profiles" / "demo.yaml"
WHISPER = {
    "model": "small", "compute_type": "int8", "beam_size": 1, "language": "corpus",
    "initial_prompt": None, "word_times": False, "vad": None, "window_s": 30,
    "doubt": {"min_avg_logprob": -1.0, "max_compression_ratio": 2.4, "max_no_speech_prob": 0.6,
              "temperatures": [], "best_of": 1},
}  # fmt: skip
RANDOM = {"protocol": "random", "folds": 2, "val_fraction": 0.1, "test_fraction": 0.1, "seed": 0}

Plain = dict[str, Any]


def plain_params() -> Plain:
    """The demo's, with a second text source and a random split."""
    plain: Plain = YAML(typ="safe").load(DEMO)
    plain["asr"]["sources"] = {"heard": json.loads(json.dumps(WHISPER)), "other": WHISPER}
    plain["splits"]["random"] = dict(RANDOM)
    plain["tasks"]["emotion4"]["sources"] = ["reference", "heard"]
    return plain


def packed(folder: Path, plain: Plain) -> Path:
    """What meta.json tells of a cache made with these params."""
    made = params.read(plain, "then")
    task = made.tasks["emotion4"]
    told = made_with("emotion4", task, made.splits, asdict(made), {"en", "zh"})
    meta = {"format": FORMAT, "classes": list(task.task.classes), "params": told}
    (folder / "meta.json").write_text(json.dumps(meta, sort_keys=True))
    return folder


def changed(*keys: str, to: Any) -> Callable[[Plain], None]:
    def change(plain: Plain) -> None:
        *sections, last = keys
        for key in sections:
            plain = plain[key]
        plain[last] = to

    return change


def require(folder: Path, *changes: Callable[[Plain], None], split: str = "random") -> None:
    plain = plain_params()
    for change in changes:
        change(plain)
    require_current(folder, params.read(plain, "now"), "emotion4", split)


def test_a_cache_of_the_same_params_is_taken(tmp_path: Path) -> None:
    require(packed(tmp_path, plain_params()))


def test_a_task_by_name_has_the_classes_of_that_name(tmp_path: Path) -> None:
    plain = plain_params()
    plain["tasks"]["emotion4"]["classes"] = "4-class"
    named = params.read(plain, "now").tasks["emotion4"].task
    plain["tasks"]["emotion4"]["classes"] = {k: list(v) for k, v in named.classes.items()}
    require(packed(tmp_path, plain), changed("tasks", "emotion4", "classes", to="4-class"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            changed("tasks", "emotion4", "classes", "happy", to=["happy"]),
            r"tasks\.emotion4\.classes\.happy = \['happy', 'excited'\], .* says \['happy'\]",
        ),
        (
            changed("tasks", "emotion4", "classes", "bored", to=["bored"]),
            r"tasks\.emotion4\.classes\.bored = None, params\.yaml says \['bored'\]",
        ),
        (
            changed("tasks", "emotion4", "sources", to=["reference"]),
            r"heard = .*, params.yaml says None",
        ),
        (changed("tasks", "emotion4", "dimensions", to=["arousal"]), r"dimensions = \[\], .*arous"),
        (changed("tasks", "emotion4", "max_frames", to=800), r"max_frames = 1500, .* says 800"),
        (changed("splits", "random", "seed", to=7), r"splits\.random\.seed = 0, .* says 7"),
        (changed("splits", "random", "folds", to=3), r"splits\.random\.folds = 2, .* says 3"),
        (
            changed("splits", "random", "test_fraction", to=0.3),
            r"splits\.random\.test_fraction = 0\.1, params\.yaml says 0\.3",
        ),
        (
            changed("splits", "random", to={"protocol": "official"}),
            r"splits\.random\.folds = 2, params\.yaml says None",
        ),
        (
            changed("corpora", "mine", to={"reader": "table", "path": "data/raw/mine"}),
            r"corpora\.mine = None, params\.yaml says \{'reader': 'table'",
        ),
        (changed("corpora", "demo", "reader", to="table"), r"corpora\.demo\.reader = 'demo', "),
        (
            changed("corpora", "demo", "language", to="zh"),
            r"corpora\.demo\.language = None, .*'zh'",
        ),
        (changed("manifest", "silence_db", to=-40), r"manifest\.silence_db = -60.0, .* says -40.0"),
        (changed("mel", "n_mels", to=40), r"mel\.n_mels = 80, params\.yaml says 40"),
        (changed("augment", "noise", to=None), r"augment\.noise = \{.*\}, params\.yaml says None"),
        (
            changed("asr", "sources", "heard", "beam_size", to=5),
            r"asr\.sources\.heard\.beam_size = 1, params\.yaml says 5",
        ),
        (
            changed("asr", "sources", "heard", "model", to="large-v3"),
            r"asr\.sources\.heard\.model = 'small', params\.yaml says 'large-v3'",
        ),
        (
            changed("words", "models", to={"default": "data/models/glove"}),
            r"words\.models\.en = 'data/models/demo/words-en', .* says 'data/models/glove'",
        ),
        (changed("words", "segmenters", to={"zh": "jieba"}), r"words\.segmenters\.zh = "),
        (changed("bert", "models", "en", to="org/bert@1"), r"bert\.models\.en = .* 'org/bert@1'"),
        (changed("bert", "max_tokens", to=9), r"bert\.max_tokens = 128, params\.yaml says 9"),
    ],
)
def test_a_cache_of_other_params_is_named_with_what_to_run(
    tmp_path: Path, change: Callable[[Plain], None], message: str
) -> None:
    with pytest.raises(PackError, match=rf"was packed with .*{message}.*; run `dvc repro pack@emo"):
        require(packed(tmp_path, plain_params()), change)


def test_classes_in_another_order_are_other_classes(tmp_path: Path) -> None:
    classes = plain_params()["tasks"]["emotion4"]["classes"]
    turned = dict(reversed(classes.items()))
    with pytest.raises(PackError, match=r"classes in the order \['angry'.* has \['sad'.*dvc repro"):
        require(
            packed(tmp_path, plain_params()), changed("tasks", "emotion4", "classes", to=turned)
        )


@pytest.mark.parametrize(
    "change",
    [
        changed("corpora", "demo", "path", to="/mnt/demo"),
        changed("words", "models", "ja", to="org/japanese"),
        changed("asr", "sources", to={"heard": WHISPER}),
        changed("splits", "official", to={**RANDOM, "seed": 3}),
        changed("store", "target_rows", "mel", to=7),
    ],
)
def test_what_the_cache_and_the_run_do_not_use_may_change(
    tmp_path: Path, change: Callable[[Plain], None]
) -> None:
    require(packed(tmp_path, plain_params()), change)


def test_a_model_may_lie_elsewhere_on_another_machine(tmp_path: Path) -> None:
    plain = plain_params()
    changed("bert", "models", "en", to="/here/bert")(plain)
    require(packed(tmp_path, plain), changed("bert", "models", "en", to="/there/bert"))
    with pytest.raises(PackError, match=r"bert\.models\.en = 'bert', params\.yaml says 'other'"):
        require(tmp_path, changed("bert", "models", "en", to="/there/other"))


def test_a_cache_of_another_version_says_so(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text(json.dumps({"format": 3}))
    with pytest.raises(PackError, match=r"has format 3, .*; run `dvc repro pack@emotion4`"):
        require(tmp_path)


def test_a_task_that_is_not_packed_says_so(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="the task is not packed; run `dvc repro pack@emotion4`"):
        require(tmp_path)

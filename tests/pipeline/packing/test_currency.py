import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import params
from pipeline.packing.currency import require_current
from pipeline.packing.rows import PackError

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def demo() -> params.Params:
    return params.load(ROOT / "profiles" / "demo.yaml")


def packed(folder: Path, **changes: Any) -> Path:
    """What meta.json of the demo's cache tells, with some entries changed."""
    meta = {
        "classes": ["angry", "happy", "neutral", "sad"],
        "sources": ["reference"],
        "dimensions": [],
        "mel_max_frames": 1500,
        "splits": {"official": {"folds": 1, "protocol": "official"}},
        "features": {"mel": {"n_mels": 80, "hop_ms": 10}, "bert": {"max_tokens": 128}},
    }
    (folder / "meta.json").write_text(json.dumps(meta | changes))
    return folder


def test_a_cache_of_the_same_params_is_taken(demo: params.Params, tmp_path: Path) -> None:
    require_current(packed(tmp_path), demo, "emotion4", "official")


def test_a_task_by_name_has_the_classes_of_that_name(tmp_path: Path) -> None:
    plain = YAML(typ="safe").load(ROOT / "profiles" / "demo.yaml")
    plain["tasks"]["emotion4"]["classes"] = "4-class"
    require_current(packed(tmp_path), params.read(plain, "here"), "emotion4", "official")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["angry", "sad"]}, r"tasks\.emotion4\.classes = \['angry', 'sad'\]"),
        ({"sources": ["whisper"]}, r"sources = \['whisper'\], params.yaml says \['reference'\]"),
        ({"dimensions": ["arousal"]}, r"dimensions = \['arousal'\], params.yaml says \[\]"),
        ({"mel_max_frames": 800}, r"max_frames = 800, params\.yaml says 1500"),
        ({"splits": {}}, r"splits\.official\.protocol = None, params\.yaml says 'official'"),
        ({"features": {"mel": {"n_mels": 40}}}, r"mel\.n_mels = 40, params\.yaml says 80"),
        ({"features": {"bert": {"max_tokens": 9}}}, r"bert\.max_tokens = 9, .*says 128"),
    ],
)
def test_a_cache_of_other_params_is_named_with_what_to_run(
    demo: params.Params, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(PackError, match=rf"{message}.*; run `dvc repro pack@emotion4`"):
        require_current(packed(tmp_path, **changes), demo, "emotion4", "official")


def test_a_task_that_is_not_packed_says_so(demo: params.Params, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="the task is not packed; run `dvc repro pack@emotion4`"):
        require_current(tmp_path, demo, "emotion4", "official")

"""A model that cannot work is refused when it is loaded, with the remedy."""

import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from features.whisper.model import check_language, load, open_model


@pytest.fixture(scope="module")
def english_only(random_whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CTranslate2 tells a multilingual vocabulary by its empty token; without it: English only."""
    copy = shutil.copytree(random_whisper, tmp_path_factory.mktemp("english") / "model")
    vocabulary = copy / "vocabulary.json"
    vocabulary.write_text(vocabulary.read_text(encoding="utf-8").replace('""', '"none"'), "utf-8")
    return copy


def test_an_english_model_refuses_another_language(english_only: Path) -> None:
    whisper = load(english_only, "float32")
    check_language(whisper, "en")
    with pytest.raises(ValueError, match=r"language 'zh': it knows English only; choose a multi"):
        check_language(whisper, "zh")


@pytest.mark.parametrize("compute_type", ["float99", "auto", "default", "float16"])
def test_a_compute_type_that_is_not_this_devices_own_is_refused(
    random_whisper: Path, compute_type: str
) -> None:
    with pytest.raises(ValueError, match=r"'cpu': expected one of .*float32.*int8.*no other is"):
        load(random_whisper, compute_type)


def test_int8_loads(random_whisper: Path) -> None:
    assert load(random_whisper, "int8").model.model.compute_type == "int8_float32"


def test_an_unknown_device_is_refused(random_whisper: Path) -> None:
    with pytest.raises(ValueError, match="device 'abacus' cannot be used"):
        load(random_whisper, "float32", device="abacus")


def test_a_directory_that_is_no_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks model\.bin.*ct2-transformers-converter"):
        load(tmp_path, "float32")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("model.bin", "cannot be loaded on cpu"),
        ("tokenizer.json", "cannot be loaded on cpu"),
        ("config.json", r"config\.json is no JSON"),
        ("preprocessor_config.json", r"preprocessor_config\.json is no JSON"),
    ],
)
def test_a_broken_file_is_refused(
    random_whisper: Path, tmp_path: Path, file: str, message: str
) -> None:
    copy = shutil.copytree(random_whisper, tmp_path / "copy")
    (copy / file).write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=message):
        open_model(copy, "float32", "cpu")


def test_a_cut_off_model_is_refused(random_whisper: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(random_whisper, tmp_path / "copy")
    whole = (copy / "model.bin").read_bytes()
    (copy / "model.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cannot be loaded on cpu"):
        open_model(copy, "float32", "cpu")


def test_a_missing_tokenizer_is_named(random_whisper: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(random_whisper, tmp_path / "copy")
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=r"lacks tokenizer\.json"):
        open_model(copy, "float32", "cpu")


def test_a_front_end_or_tokenizer_of_another_model_is_refused(
    random_whisper: Path, bert_dir: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(random_whisper, tmp_path / "copy")
    front_end = copy / "preprocessor_config.json"
    own = front_end.read_text(encoding="utf-8")
    front_end.write_text(own.replace("80", "128"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"has 128 mel bands, its model expects 80: copy prepro"):
        open_model(copy, "float32", "cpu")
    front_end.write_text(own, encoding="utf-8")
    AutoTokenizer.from_pretrained(bert_dir).save_pretrained(tmp_path / "bert")
    shutil.copy(tmp_path / "bert" / "tokenizer.json", copy)
    with pytest.raises(ValueError, match=r"tokenizer\.json is no tokenizer of Whisper"):
        open_model(copy, "float32", "cpu")

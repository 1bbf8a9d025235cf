"""Laws of finding models, with real directories, a real package and a hub that speaks HTTP."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.encoders import Encoder, EncoderError, choose, directory_revision, resolve
from tests.hubs import serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB_FILES = {"config.json": b"{}", "model.safetensors": b"weights", "pytorch_model.bin": b"pickle"}


def model_directory(path: Path) -> Path:
    (path / "vocab").mkdir(parents=True)
    (path / "meta.json").write_text("{}")
    (path / "vocab" / "vectors").write_bytes(b"123")
    return path


def test_a_directory_is_itself_and_its_revision_its_content(tmp_path: Path) -> None:
    path = model_directory(tmp_path / "zh")
    encoder = resolve(str(path), "words", "zh", "words.models.zh")
    assert encoder == Encoder(str(path), path, directory_revision(path))
    assert re.fullmatch("[0-9a-f]{32}", encoder.revision)


def test_a_copy_has_the_same_revision_and_times_and_hidden_files_do_not_count(
    tmp_path: Path,
) -> None:
    path = model_directory(tmp_path / "one")
    copy = shutil.copytree(path, tmp_path / "another")
    os.utime(copy / "meta.json", (0, 0))
    (copy / ".cache").mkdir()
    (copy / ".cache" / "note").write_text("downloaded today")
    assert directory_revision(copy) == directory_revision(path)


@pytest.mark.parametrize("change", ["byte", "name", "more", "less", "moved border"])
def test_any_change_of_content_is_another_revision(tmp_path: Path, change: str) -> None:
    path = model_directory(tmp_path / "zh")
    before = directory_revision(path)
    vectors = path / "vocab" / "vectors"
    if change == "byte":
        vectors.write_bytes(b"124")
    elif change == "name":
        vectors.rename(path / "vocab" / "vectors2")
    elif change == "more":
        (path / "empty").touch()
    elif change == "less":
        vectors.unlink()
    else:
        (path / "meta.json").write_text("{}1")
        vectors.write_bytes(b"23")
    assert directory_revision(path) != before


def test_the_language_chooses_the_model_and_the_default_fills_in() -> None:
    models = {"zh": "one", "default": "two"}
    assert choose(models, "zh", "bert.models") == ("one", "bert.models.zh")
    assert choose(models, "en", "bert.models") == ("two", "bert.models.default")
    assert choose(models, None, "bert.models") == ("two", "bert.models.default")


@pytest.mark.parametrize(("language", "fix"), [("de", "de: MODEL"), (None, "default: MODEL")])
def test_a_language_without_model_says_what_to_add(language: str | None, fix: str) -> None:
    with pytest.raises(EncoderError, match=rf"bert\.models has no model.*add `{fix}`"):
        choose({"zh": "one"}, language, "bert.models")


@pytest.fixture
def spacy_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installed model package as `spacy package` lays it out."""
    name = "xx_tiny_vectors"
    meta = json.dumps({"lang": "xx", "name": "tiny_vectors", "version": "1.2.3"})
    data = tmp_path / name / f"{name}-1.2.3"
    data.mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text("raise ImportError('must not be imported')")
    for folder in (data, data.parent):
        (folder / "meta.json").write_text(meta)
    info = tmp_path / f"{name}-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_a_spacy_package_is_found_without_importing_it(spacy_package: str, tmp_path: Path) -> None:
    encoder = resolve(spacy_package, "words", "xx", "words.models.xx")
    assert encoder.path == tmp_path / spacy_package / f"{spacy_package}-1.2.3"
    assert encoder.revision.startswith(f"{spacy_package}-1.2.3-")


def test_a_package_that_is_no_model_is_not_taken_for_one() -> None:
    with pytest.raises(EncoderError, match=r"no such spaCy package.*"):
        resolve("json", "words", "en", "words.models.en")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("zh_core_web_lg", "python -m spacy download zh_core_web_lg"),
        ("data/models/zh", "correct the path"),
        ("./zh", "correct the path"),
        ("/nowhere/zh", "correct the path"),
    ],
)
def test_a_missing_model_is_named_with_language_setting_and_remedy(name: str, remedy: str) -> None:
    with pytest.raises(EncoderError) as error:
        resolve(name, "words", "zh", "words.models.zh")
    for part in (repr(name), "'zh'", "words.models.zh", "no such directory", remedy):
        assert part in str(error.value)


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """Address of a small hub with one model, org/model."""
    with serving({COMMIT: HUB_FILES}) as address:
        yield address


def resolve_in_child(cache: Path, call: str, **environment: str) -> tuple[str, float]:
    """What `resolve` prints in a fresh process (the hub's settings are read on import) and when."""
    code = (
        "import time; from pipeline.encoders import EncoderError, resolve\n"
        "import huggingface_hub, faster_whisper.utils; start = time.monotonic()\n"
        f"try: encoder = resolve({call}); print(encoder.path, encoder.revision)\n"
        "except EncoderError as error: print('EncoderError', error)\n"
        "print(time.monotonic() - start)"
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_"))}
    quiet = {
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_XET": "1",
    }
    child = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **quiet, **environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert child.returncode == 0, child.stderr
    printed, _, seconds = child.stdout.rstrip().rpartition("\n")
    return printed, float(seconds)


BERT = "'org/model', 'bert', 'zh', 'bert.models.zh'"


def test_a_hub_model_is_fetched_once_and_then_needs_no_network(hub: str, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--org--model" / "snapshots" / COMMIT
    fetched, _ = resolve_in_child(tmp_path, BERT, HF_ENDPOINT=hub)
    assert fetched == f"{snapshot} {COMMIT}"
    # Safe weights are there, so the pickled ones are left alone.
    assert sorted(f.name for f in snapshot.iterdir()) == ["config.json", "model.safetensors"]
    again, _ = resolve_in_child(tmp_path, BERT, HF_HUB_OFFLINE="1")
    assert again == fetched
    closed, _ = resolve_in_child(tmp_path, BERT, HF_ENDPOINT="http://127.0.0.1:9")
    assert closed == fetched


def test_a_hub_model_of_another_kind_is_refused(hub: str, tmp_path: Path) -> None:
    call = "'org/model', 'whisper', None, 'asr.sources.w.model'"
    printed, _ = resolve_in_child(tmp_path, call, HF_ENDPOINT=hub)
    assert "the hub's org/model is no whisper model" in printed


def test_offline_one_error_names_model_language_setting_and_remedy(tmp_path: Path) -> None:
    call = "'org/model@v1', 'bert', 'zh', 'bert.models.zh'"
    printed, seconds = resolve_in_child(tmp_path, call, HF_HUB_OFFLINE="1")
    assert printed.startswith("EncoderError the bert model 'org/model@v1' for language 'zh'")
    assert "(bert.models.zh in params.yaml) is not on this machine" in printed
    assert "`hf download org/model --revision v1 --local-dir data/models/model`" in printed
    assert "offline mode" in printed
    assert seconds < 5


def test_a_whisper_size_is_a_hub_name(tmp_path: Path) -> None:
    call = "'small', 'whisper', None, 'asr.sources.whisper.model'"
    printed, _ = resolve_in_child(tmp_path, call, HF_HUB_OFFLINE="1")
    assert "the whisper model 'small' for any language" in printed
    assert "`hf download Systran/faster-whisper-small --local-dir data/models/small`" in printed


def test_without_a_network_the_error_comes_at_once(tmp_path: Path) -> None:
    printed, seconds = resolve_in_child(tmp_path, BERT, HF_ENDPOINT="http://127.0.0.1:9")
    assert printed.startswith("EncoderError the bert model 'org/model'")
    assert seconds < 10


def test_a_network_that_swallows_everything_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        start = time.monotonic()
        printed, seconds = resolve_in_child(
            tmp_path, BERT, HF_ENDPOINT=address, HF_HUB_ETAG_TIMEOUT="1"
        )
    assert printed.startswith("EncoderError the bert model 'org/model'")
    assert seconds < 10 <= 60 > time.monotonic() - start

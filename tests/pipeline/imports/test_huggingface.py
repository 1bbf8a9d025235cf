"""Datasets of Hugging Face, written by the package itself, come in: bytes, files and folders."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from pipeline.imports.items import ImportingError
from tests.pipeline.imports.conftest import bring_in, entry, tone

datasets = pytest.importorskip("datasets", reason="the extra datasets is not installed")


def encoded(number: int) -> bytes:
    buffer = io.BytesIO()
    t = np.arange(2400) / 8000
    soundfile.write(buffer, 0.3 * np.sin(2 * np.pi * (200 + number) * t), 8000, format="FLAC")
    return buffer.getvalue()


def part(start: int, count: int) -> "datasets.Dataset":
    numbers = range(start, start + count)
    features = datasets.Features(
        {
            "audio": datasets.Audio(sampling_rate=8000, decode=False),
            "emotion": datasets.ClassLabel(names=["angry", "sad"]),
            "actor": datasets.Value("string"),
            "sentence": datasets.Value("string"),
            "noise": datasets.Value("int32"),
            "duration": datasets.Value("float64"),
        }
    )
    columns = {
        "audio": [{"path": None, "bytes": encoded(n)} for n in numbers],
        "emotion": [n % 2 for n in numbers],
        "actor": [f"a{n}" for n in numbers],
        "sentence": [f"text {n}" for n in numbers],
        "noise": list(numbers),
        "duration": [0.25 for _ in numbers],
    }
    # as Arrow, because `from_dict` wants a package to encode audio, which is encoded already
    return datasets.Dataset(pa.table(columns, schema=features.arrow_schema))


def test_a_dataset_on_disk_comes_in_with_its_splits(project: Path, tmp_path: Path) -> None:
    both = datasets.DatasetDict({"train": part(0, 2), "validation": part(2, 1)})
    both.save_to_disk(tmp_path / "saved")
    found = bring_in("huggingface", tmp_path / "saved", columns={"speaker": "actor"})
    assert [r["utt_id"] for r in found] == [
        *(f"new/audio/train/00000{i}" for i in (0, 1)),
        "new/audio/validation/000000",
    ]
    assert [r["label"] for r in found] == ["angry", "sad", "angry"]
    assert [r["split"] for r in found] == ["train", "train", "val"]
    assert [r["speaker"] for r in found] == ["a0", "a1", "a2"]
    assert (found[0]["transcript"], found[0]["stated_duration_s"]) == ("text 0", 0.25)
    assert (project / "data/raw/new/audio/train/000000.flac").read_bytes() == encoded(0)


def test_a_folder_of_audio_is_left_to_the_reader_table(project: Path, tmp_path: Path) -> None:
    for i in range(2):
        tone(tmp_path / "folder" / f"{i}.wav", i)
    table = "file_name,emotion\n0.wav,happy\n1.wav,sad\n"
    (tmp_path / "folder" / "metadata.csv").write_text(table)
    with pytest.raises(ImportingError, match="bring it in by `vcemo corpus import table`"):
        bring_in("huggingface", tmp_path / "folder")
    found = bring_in("table", tmp_path / "folder", language="en")
    assert sorted(r["label"] for r in found) == ["happy", "sad"]
    assert entry()["language"] == "en"


def test_what_is_wrong_is_named(project: Path, tmp_path: Path) -> None:
    part(0, 1).remove_columns("audio").save_to_disk(tmp_path / "mute")
    with pytest.raises(ImportingError, match=r"emotion \(ClassLabel\).*expected one of type Audio"):
        bring_in("huggingface", tmp_path / "mute")
    part(0, 1).save_to_disk(tmp_path / "saved")
    with pytest.raises(ImportingError, match="--column: found 'nobody'"):
        bring_in("huggingface", tmp_path / "saved", columns={"speaker": "nobody"})
    with pytest.raises(ImportingError, match="cannot be loaded"):
        bring_in("huggingface", tmp_path / "nothing")

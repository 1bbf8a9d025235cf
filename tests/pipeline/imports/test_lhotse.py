"""lhotse manifests come in: recordings with supervisions, or cuts; times, words and customs."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imports.items import ImportingError
from tests.pipeline.imports.conftest import FUZZED, bring_in, require_items_or_message, tone


def recording(name: str, source: str, **more: Any) -> dict[str, Any]:
    sources = [{"type": "file", "channels": [0], "source": source}]
    facts = {"sampling_rate": 8000, "num_samples": 8000, "duration": 1.0}
    return {"id": name, "sources": sources, **facts, **more}


SUPERVISIONS: list[dict[str, Any]] = [
    {
        "id": "s1",
        "recording_id": "r1",
        "start": 0.0,
        "duration": 1.0,
        "channel": 0,
        "text": "oh no",
        "language": "English",
        "speaker": "anna",
        "gender": "F",
        "custom": {"emotion": "sad", "valence": 2.5, "split": "test"},
        "alignment": {"word": [["oh", 0.1, 0.2], ["no", 0.4, 0.3, 0.9]]},
    },
    {
        "id": "s2",
        "recording_id": "r2",
        "start": 0.25,
        "duration": 0.5,
        "channel": 0,
        "text": "",
        "speaker": "ben",
        "custom": {"emotion": "angry", "mood": "hap"},
        "alignment": {"word": [["well", 0.35, 0.1]]},
    },
]


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    """Packed manifests, of which one recording has no supervision."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    entries = [recording(f"r{i}", f"{tmp_path}/wav/{i}.wav") for i in (1, 2, 3)]
    for i in (1, 2, 3):
        tone(tmp_path / "wav" / f"{i}.wav", i, duration_s=1)
    write(folder / "c_recordings_train.jsonl.gz", entries)
    write(folder / "c_supervisions_train.jsonl.gz", SUPERVISIONS)
    return folder


def write(path: Path, entries: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def test_supervisions_become_utterances(project: Path, manifests: Path) -> None:
    whole, part = bring_in("lhotse", manifests)
    assert (whole["utt_id"], part["utt_id"]) == ("new/audio/1", "new/audio/2#0.25-0.75")
    told = [whole[n] for n in ("speaker", "gender", "language", "transcript", "label", "split")]
    assert told == ["anna", "female", "en", "oh no", "sad", "test"]
    assert whole["valence"] == 2.5
    assert (whole["stated_duration_s"], part["stated_duration_s"]) == (1.0, None)
    assert [w["word"] for w in whole["words"]] == ["oh", "no"]
    assert part["words"][0]["start_s"] == pytest.approx(0.1)  # from the utterance's start
    assert part["transcript"] is None


def test_the_label_may_have_another_key(project: Path, manifests: Path) -> None:
    assert [r["label"] for r in bring_in("lhotse", manifests, label="mood")] == [None, "happy"]


def test_cuts_hold_both(project: Path, manifests: Path, tmp_path: Path) -> None:
    for path in manifests.iterdir():
        path.unlink()
    supervision = {**SUPERVISIONS[1], "start": 0.05}
    cut = {"id": "c", "start": 0.2, "duration": 0.8, "channel": 0, "type": "MonoCut"}
    cut |= {"recording": recording("r2", f"{tmp_path}/wav/2.wav"), "supervisions": [supervision]}
    write(manifests / "cuts.jsonl", [cut])
    assert [r["utt_id"] for r in bring_in("lhotse", manifests)] == ["new/audio/2#0.25-0.75"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\x1f\x8b broken", "expected a lhotse manifest"),
        (gzip.compress(b"[1]\n"), r"gz:1: found '\[1\]', expected a JSON object"),
        (
            gzip.compress(b'{"id": "s", "recording_id": "r1"}'),
            r"gz:1: duration: Field required; expected what lhotse writes",
        ),
        (
            gzip.compress(b'{"id": "s", "recording_id": "r9", "duration": 1}'),
            "recording 'r9', which no manifest",
        ),
        (gzip.compress(b""), "found 3 recordings and 0 supervisions in 2 files"),
    ],
    ids=["no gzip", "no object", "no duration", "no recording", "empty"],  # gzip tells the time
)
def test_a_damaged_manifest_is_named(
    project: Path, manifests: Path, text: bytes, message: str
) -> None:
    (manifests / "c_supervisions_train.jsonl.gz").write_bytes(text)
    with pytest.raises(ImportingError, match=message):
        bring_in("lhotse", manifests)


def test_manifests_of_features_are_passed_over(
    project: Path, manifests: Path, caplog: pytest.LogCaptureFixture
) -> None:
    features = {"type": "fbank", "num_frames": 100, "num_features": 80, "recording_id": "r1"}
    write(manifests / "c_feats.jsonl", [features])
    assert len(bring_in("lhotse", manifests)) == 2
    assert "passed over 1 entries: features" in caplog.text


def test_audio_that_is_in_no_file_is_refused(project: Path, manifests: Path) -> None:
    entry = recording("r1", "x")
    entry["sources"][0]["type"] = "command"
    write(manifests / "c_recordings_train.jsonl.gz", [entry])
    with pytest.raises(ImportingError, match="expected one of type 'file'"):
        bring_in("lhotse", manifests)


@FUZZED
@given(seed=st.integers(0, 2**32))
def test_no_damage_leads_to_anything_but_utterances_or_a_message(
    seed: int, manifests: Path
) -> None:
    for path in list(manifests.glob("*.gz")):  # what is packed fails to unpack, and that is all
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    require_items_or_message("lhotse", manifests, seed)

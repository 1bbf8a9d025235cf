"""Kaldi data directories come in with all that their files tell, and faults with their place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imports.items import ImportingError
from tests.pipeline.imports.conftest import FUZZED, bring_in, require_items_or_message, tone


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two recordings, three segments, all the usual files."""
    folder = tmp_path / "data"
    for i, name in enumerate(("call 1.wav", "deep/call2.wav")):
        tone(tmp_path / "audio" / name, i, duration_s=1)
    files = {
        "wav.scp": f"rec1 {tmp_path}/audio/call 1.wav\nrec2 {tmp_path}/audio/deep/call2.wav\n",
        "segments": "utt1 rec1 0.0 0.5\nutt2 rec1 0.5 -1\nutt3 rec2 0.25 0.75\n",
        "text": "utt1 Leave me alone.\nutt2 你好 世界\nutt3\n",
        "utt2spk": "utt1 anna\nutt2 ben\nutt3 anna\n",
        "spk2gender": "anna f\nben m\n",
        "utt2lang": "utt1 English\nutt2 zh\nutt3 en\n",
        "utt2emo": "utt1 ang\nutt2 sad\nutt3 neutral\n",
    }
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_directory_comes_in_whole(project: Path, data: Path) -> None:
    found = {r["utt_id"]: r for r in bring_in("kaldi", data)}
    first, second, third = (
        found[f"new/audio/{n}"] for n in ("call 1#0-0.5", "call 1#0.5-", "deep/call2#0.25-0.75")
    )
    assert (first["speaker"], first["gender"], first["language"]) == ("anna", "female", "en")
    assert (first["transcript"], first["label"]) == ("Leave me alone.", "angry")
    assert (second["transcript"], second["duration_s"]) == ("你好 世界", 0.5)
    assert (third["transcript"], third["speaker"]) == (None, "anna")


def test_without_segments_each_recording_is_an_utterance(project: Path, data: Path) -> None:
    (data / "segments").unlink()
    (data / "emotions.txt").write_text("rec1 happy\n")
    found = bring_in("kaldi", data, label="emotions.txt")
    assert [(r["start_s"], r["label"]) for r in found] == [(None, "happy"), (None, None)]


def test_lengths_that_kaldi_noted_come_along(project: Path, data: Path) -> None:
    (data / "utt2dur").write_text("utt1 0.5\nutt2 0.7\nutt3 much\n")
    (data / "reco2dur").write_text("rec1 1.0\nrec2 9\n")
    stated = {r["start_s"]: r["stated_duration_s"] for r in bring_in("kaldi", data)}
    assert stated == {0.0: 0.5, 0.5: 0.7, 0.25: None}
    (data / "segments").unlink()
    (data / "utt2emo").unlink()
    stated = {r["path"]: r["stated_duration_s"] for r in bring_in("kaldi", data, "whole")}
    assert stated == {"audio/call 1.wav": 1.0, "audio/deep/call2.wav": 9.0}


def test_relative_paths_start_from_the_directory_or_from_the_option(
    project: Path, data: Path, tmp_path: Path
) -> None:
    (data / "segments").unlink()
    (data / "wav.scp").write_text("a call 1.wav\nb deep/call2.wav\n")
    assert len(bring_in("kaldi", data, audio=tmp_path / "audio")) == 2


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("wav.scp", "rec1 sph2pipe -f wav a.sph |\n", r"wav\.scp:1: .*commands are not run"),
        ("wav.scp", "rec1\n", r"wav\.scp:1: found nothing"),
        ("segments", "utt1 rec1 zero 1\n", r"segments:1: found utt1 'rec1 zero 1', expected"),
        ("segments", "utt1 rec9 0 1\n", r"segments:1: found the recording 'rec9'"),
        ("utt2spk", "utt1 a\nutt1 b\n", r"utt2spk:2: found 'utt1' a second time"),
    ],
)
def test_a_bad_line_is_named(project: Path, data: Path, file: str, text: str, message: str) -> None:
    (data / file).write_text(text)
    with pytest.raises(ImportingError, match=message):
        bring_in("kaldi", data)


def test_another_encoding_and_a_missing_file_are_named(project: Path, data: Path) -> None:
    (data / "text").write_bytes("utt1 déjà".encode("latin-1"))
    with pytest.raises(ImportingError, match=r"text: .*expected UTF-8"):
        bring_in("kaldi", data)
    (data / "wav.scp").unlink()
    with pytest.raises(ImportingError, match=r"wav\.scp: no such file"):
        bring_in("kaldi", data)


@FUZZED
@given(seed=st.integers(0, 2**32))
def test_no_damage_leads_to_anything_but_utterances_or_a_message(seed: int, data: Path) -> None:
    require_items_or_message("kaldi", data, seed)

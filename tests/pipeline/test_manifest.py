"""The manifest: every utterance is a row or a reject with its reason, and the bytes are fixed."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from pipeline import layout, manifest
from pipeline.corpora import CorpusParams
from pipeline.labels import LabelError
from pipeline.listing import rejects
from pipeline.listing.schema import SCHEMA
from pipeline.listing.utterance import Utterance
from pipeline.manifest import Manifest, ManifestError, ManifestParams, utterance_id

PARAMS = ManifestParams(
    min_duration_s=0.1, max_duration_s=2.0, silence_db=-60.0, max_reject_fraction=0.5
)
RATE_HZ = 16000


def tone(duration_s: float = 0.5, amplitude: float = 0.3, rate_hz: int = RATE_HZ) -> np.ndarray:
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    return amplitude * np.sin(2 * np.pi * 220 * t)


def save(
    path: Path, x: np.ndarray | None = None, rate_hz: int = RATE_HZ, subtype: str | None = None
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone() if x is None else x, rate_hz, subtype=subtype)


def build(root: Path, rows: Sequence[str], *, workers: int = 1, **options: Any) -> Manifest:
    """A manifest of a table with these lines; the first names the columns."""
    (root / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    source = CorpusParams("table", str(root), **options)
    return manifest.build("mine", source, PARAMS, workers=workers)


def reasons(found: Manifest) -> dict[str, str]:
    return {row["path"]: row["reason"] for row in found.rejects.to_pylist()}


def test_a_row_holds_what_table_and_file_tell(tmp_path: Path) -> None:
    save(tmp_path / "a.wav")
    header = "path,speaker,gender,age,label,soft_label,turn,transcript"
    row = 'a.wav,anna,f,31,Anger,"{""anger"": 2, ""angry"": 1, ""sad"": 1}",3,"Oh, no."'
    [found] = build(tmp_path, [header, row], language="en").utterances.to_pylist()
    assert len(found["audio_key"]) == 32
    assert {k: v for k, v in found.items() if v is not None and k != "audio_key"} == {
        "utt_id": "mine/a",
        "corpus": "mine",
        "path": "a.wav",
        "duration_s": 0.5,
        "sample_rate": RATE_HZ,
        "channels": 1,
        "peak_db": pytest.approx(-10.46),
        "loudness_db": pytest.approx(-13.47),
        "snr_db": -10.0,  # a tone is not what speech is
        "speaker": "anna",
        "gender": "female",
        "age": 31,
        "language": "en",
        "turn": 3,
        "transcript": "Oh, no.",
        "raw_label": "Anger",
        "label": "angry",
        "soft_label": [("angry", 0.75), ("sad", 0.25)],
        "agreement": 0.75,
    }


def test_an_utterances_own_language_comes_before_the_corpuss(tmp_path: Path) -> None:
    save(tmp_path / "a.wav")
    save(tmp_path / "b.wav")
    found = build(tmp_path, ["path,language", "a.wav,zh-CN", "b.wav,"], language="en")
    assert found.utterances["language"].to_pylist() == ["zh", "en"]


def test_each_kind_of_bad_input_has_its_reason(tmp_path: Path) -> None:
    save(tmp_path / "good.wav")
    save(tmp_path / "silent.wav", np.zeros(RATE_HZ))
    save(tmp_path / "integers.wav", 32768 * tone(), subtype="FLOAT")
    save(tmp_path / "faint.wav", tone(amplitude=0.0005))
    save(tmp_path / "nan.wav", np.r_[tone(), np.nan], subtype="FLOAT")
    save(tmp_path / "inf.wav", np.r_[tone(), np.inf], subtype="FLOAT")
    save(tmp_path / "short.wav", tone(0.05))
    save(tmp_path / "long.wav", tone(2.5))
    save(tmp_path / "no samples.wav", np.zeros(0))
    save(tmp_path / "twin.wav")
    save(tmp_path / "twin.flac")
    save(tmp_path / "mute.wav")
    (tmp_path / "nothing.wav").touch()
    (tmp_path / "text.wav").write_text("I am no audio." * 100)
    (tmp_path / "head.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:30])
    (tmp_path / "folder.wav").mkdir()
    expected = {
        "silent.wav": "silent",
        "faint.wav": "silent",
        "integers.wav": "too-loud",
        "nan.wav": "not-finite",
        "inf.wav": "not-finite",
        "short.wav": "too-short",
        "long.wav": "too-long",
        "no samples.wav": "empty",
        "nothing.wav": "empty",
        "text.wav": "unreadable",
        "head.wav": "unreadable",
        "folder.wav": "unreadable",
        "missing.wav": "missing-file",
        "good.wav/below.wav": "missing-file",
        "a\\b.wav": "missing-file",
        "twin.wav": "duplicate-id",
        "twin.flac": "duplicate-id",
        "mute.wav": "missing-transcript",
    }
    lines = ["path,label,text", "good.wav,,hello"]
    for path in expected:
        lines.append(f"{path},sad,{'' if path == 'mute.wav' else 'hello'}")
    found = build(tmp_path, lines, require_transcript=True)
    assert reasons(found) == expected
    assert set(expected.values()) | {"bad-segment", "unknown-name"} == set(rejects.REASONS)
    assert found.utterances["utt_id"].to_pylist() == ["mine/good"]
    assert all(row["detail"] for row in found.rejects.to_pylist())


def test_a_recording_with_a_strange_name_is_a_reject(tmp_path: Path) -> None:
    for name in ("03a01Fa.wav", "03a01Xa.wav", "17a01Fa.wav"):
        save(tmp_path / "wav" / name)
    source = CorpusParams("emodb", str(tmp_path), require_transcript=True)
    found = manifest.build("emodb", source, PARAMS, workers=1)
    assert found.utterances["utt_id"].to_pylist() == ["emodb/wav/03a01Fa"]
    assert reasons(found) == dict.fromkeys(("wav/03a01Xa.wav", "wav/17a01Fa.wav"), "unknown-name")
    assert all(
        "expected one like wav/03a01Fa.wav" in row["detail"] for row in found.rejects.to_pylist()
    )


@pytest.mark.parametrize(
    ("on_disk", "asked", "hint"),
    [
        ("Ton.wav", "ton.WAV", "found 'Ton.wav', which differs from 'ton.WAV' in letter case"),
        ("u\u0308ber.wav", "\u00fcber.wav", r"in its Unicode form \(NFC or NFD\): spell both"),
        ("Audio/a.wav", "audio/a.wav", "found 'Audio', which differs from 'audio' in letter case"),
        ("a.wav", "b.wav", "^no such file$"),
        ("a.wav", "deep/down/b.wav", "^no such file$"),
        ("a.wav", "x\\a.wav", "folders are separated by /"),
    ],
)
def test_a_missing_file_is_told_its_other_spelling(
    tmp_path: Path, on_disk: str, asked: str, hint: str
) -> None:
    save(tmp_path / on_disk)
    if (tmp_path / asked).exists():
        pytest.skip("this disk takes both spellings for one file")
    [row] = build(tmp_path, ["path", asked]).rejects.to_pylist()
    assert row["reason"] == "missing-file"
    assert re.search(hint, row["detail"])
    assert str(tmp_path) not in row["detail"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_duration_s": -1.0}, "found min_duration_s -1, expected 0 or more"),
        ({"max_duration_s": 0.1}, "max_duration_s 0.1, expected more than min_duration_s 0.1"),
        ({"silence_db": 60.0}, r"silence_db 60, expected 0 \(full scale\) or less"),
        ({"max_reject_fraction": 1.5}, "max_reject_fraction 1.5, expected 0 to 1"),
        ({"max_reject_fraction": -0.1}, "max_reject_fraction -0.1, expected 0 to 1"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(change: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PARAMS, **change)


def test_when_nothing_is_left_no_fraction_is_to_blame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metadata.csv").write_text("path\nmissing.wav\n")
    source = CorpusParams("table", str(tmp_path))
    with pytest.raises(ManifestError) as stop:
        manifest.make("mine", source, replace(PARAMS, max_reject_fraction=1.0), workers=1)
    assert "1 of 1 utterances rejected (missing-file 1), no utterance is left" in str(stop.value)
    assert "max_reject_fraction" not in str(stop.value)


def test_the_closing_line_begins_like_those_of_other_stages(tmp_path: Path) -> None:
    save(tmp_path / "a.wav")
    line = str(build(tmp_path, ["path", "a.wav", "b.wav"]).summary)
    assert re.fullmatch(r"manifest mine: 1 utterances, .*1 rejected \(missing-file 1\);.* s", line)


def test_details_name_neither_this_machine_nor_its_memory(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("I am no audio.")
    (tmp_path / "folder.wav").mkdir()
    found = build(tmp_path, ["path", "text.wav", "folder.wav", "missing.wav"]).rejects
    for detail in found["detail"].to_pylist():
        assert str(tmp_path) not in detail
        assert "0x" not in detail


def test_a_raw_label_without_an_emotion_stops_and_prints_the_table_to_extend(
    tmp_path: Path,
) -> None:
    save(tmp_path / "a.wav")
    save(tmp_path / "b.wav")
    lines = ["path,label", "a.wav,Grumpy", "b.wav,grumpy"]
    with pytest.raises(LabelError) as stop:
        build(tmp_path, lines)
    text = str(stop.value)
    assert "corpora.mine: found raw labels that stand for no emotion yet: 'Grumpy' (1)" in text
    assert "angry: angry, anger" in text
    assert "none, the raters did not agree: xxx" in text
    assert text.endswith('    mine:\n      labels:\n        "Grumpy": ?\n        "grumpy": ?')
    found = build(tmp_path, lines, labels={"grumpy": "angry"}).utterances
    assert found["raw_label"].to_pylist() == ["Grumpy", "grumpy"]
    assert found["label"].to_pylist() == ["angry", "angry"]
    assert build(tmp_path, lines, labels={"grumpy": None}).utterances["label"].null_count == 2


@pytest.mark.parametrize(
    ("column", "value"), [("soft_label", '{"grumpy": 1}'), ("votes", '{"r1": "grumpy"}')]
)
def test_the_labels_of_raters_must_be_known_too(tmp_path: Path, column: str, value: str) -> None:
    save(tmp_path / "a.wav")
    quoted = value.replace('"', '""')
    with pytest.raises(LabelError, match=r"'grumpy' \(1\)"):
        build(tmp_path, [f"path,{column}", f'a.wav,"{quoted}"'])


def test_soft_labels_and_agreement_follow_from_the_votes(tmp_path: Path) -> None:
    save(tmp_path / "a.wav")
    votes = '{"r1": "ang", "r2": ["anger", "sad"], "r3": "happy", "r4": "xxx"}'
    quoted = votes.replace('"', '""')
    [row] = build(tmp_path, ["path,votes", f'a.wav,"{quoted}"']).utterances.to_pylist()
    assert dict(row["soft_label"]) == pytest.approx({"angry": 0.5, "happy": 1 / 3, "sad": 1 / 6})
    assert row["agreement"] == pytest.approx(2 / 3)
    assert [v["labels"] for v in row["votes"]] == [["ang"], ["anger", "sad"], ["happy"], ["xxx"]]
    assert [v["rater"] for v in row["votes"]] == ["r1", "r2", "r3", "r4"]


def test_other_rates_and_stereo_are_kept_and_counted(tmp_path: Path) -> None:
    save(tmp_path / "a.wav")
    save(tmp_path / "b.wav", np.stack([tone(rate_hz=44100)] * 2, axis=1), 44100)
    found = build(tmp_path, ["path", "a.wav", "b.wav"])
    assert found.utterances["channels"].to_pylist() == [1, 2]
    assert found.utterances["duration_s"].to_pylist() == [0.5, 0.5]
    assert found.summary.sample_rates == {16000: 1, 44100: 1}
    assert found.summary.stereo == 1
    assert "1 at 16000 Hz, 1 at 44100 Hz; 1 with several channels" in str(found.summary)


def test_the_same_audio_under_two_names_is_kept_and_counted(tmp_path: Path) -> None:
    save(tmp_path / "a.wav")
    save(tmp_path / "b.wav")
    save(tmp_path / "c.wav", tone(0.6))
    found = build(tmp_path, ["path", "a.wav", "b.wav", "c.wav"])
    a, b, c = found.utterances["audio_key"].to_pylist()
    assert a == b != c
    assert found.summary.same_audio == 2


def test_segments_of_one_file_are_utterances(tmp_path: Path) -> None:
    """The first half second is silence, the second a tone, then 4 s of noise."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE_HZ)
    save(tmp_path / "talk.wav", np.r_[np.zeros(8000), tone(), noise])
    times = ("0,0.5", "0.5,1", "1,2.25", "3,5.03", "1,", "3.5,", "2,1", "-1,1", "4,6", "4,4.00001")
    lines = ["path,start,end", *(f"talk.wav,{pair}" for pair in times)]
    found = build(tmp_path, lines)
    rows = {row["utt_id"]: row for row in found.utterances.to_pylist()}
    assert {name: row["duration_s"] for name, row in rows.items()} == {
        "mine/talk#0.5-1": 0.5,
        "mine/talk#1-2.25": 1.25,
        "mine/talk#3-5.03": 2.0,
        "mine/talk#3.5-": 1.5,
    }
    assert len({row["audio_key"] for row in rows.values()}) == 4
    assert {row["utt_id"]: row["reason"] for row in found.rejects.to_pylist()} == {
        "mine/talk#0-0.5": "silent",
        "mine/talk#1-": "too-long",
        "mine/talk#2-1": "bad-segment",
        "mine/talk#-1-1": "bad-segment",
        "mine/talk#4-6": "bad-segment",
        "mine/talk#4-4.00001": "bad-segment",
    }


def test_a_segment_is_judged_by_its_own_samples(tmp_path: Path) -> None:
    save(tmp_path / "talk.wav", np.r_[tone(1.0), np.nan], subtype="FLOAT")
    found = build(tmp_path, ["path,start,end", "talk.wav,0,0.5", "talk.wav,0.5,"])
    assert found.utterances["utt_id"].to_pylist() == ["mine/talk#0-0.5"]
    assert found.rejects["reason"].to_pylist() == ["not-finite"]


@pytest.mark.parametrize(
    "name", ["a b.wav", "说话/高兴 1.wav", 'say "x", y.wav', "it's #1 'o'.wav"]
)
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    save(tmp_path / name)
    quoted = name.replace('"', '""')
    found = build(tmp_path, ["path", f'"{quoted}"'])
    assert found.utterances["path"].to_pylist() == [name]
    assert found.utterances["utt_id"].to_pylist() == [f"mine/{name.removesuffix('.wav')}"]


def test_the_schema_is_fixed_even_when_nothing_is_left(tmp_path: Path) -> None:
    found = build(tmp_path, ["path", "missing.wav"])
    assert found.utterances.schema == SCHEMA
    assert found.rejects.schema == rejects.SCHEMA


def test_order_of_rows_and_number_of_workers_leave_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"{i}.wav" for i in range(8)]
    for i, name in enumerate(names):
        save(tmp_path / name, tone(0.3 + 0.01 * i))
    lines = [*names, "missing.wav", "0.flac"]
    source = CorpusParams("table", str(tmp_path / "metadata.csv"))
    written = []
    for order, workers in ((lines, 1), (lines[::-1], 3)):
        (tmp_path / "metadata.csv").write_text("\n".join(["path", *order]))
        manifest.make("mine", source, PARAMS, workers=workers)
        files = (layout.manifest("mine"), layout.rejects("mine"))
        written.append([path.read_bytes() for path in files])
        assert sorted(p.name for p in files[0].parent.iterdir()) == [p.name for p in files]
    assert written[0] == written[1]


def test_too_many_rejects_stop_the_run_and_leave_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.wav")
    lost = [f"lost{i:02d}.wav" for i in range(12)]
    (tmp_path / "metadata.csv").write_text("\n".join(["path", "a.wav", *lost]))
    with pytest.raises(ManifestError) as stop:
        manifest.make("mine", CorpusParams("table", str(tmp_path)), PARAMS, workers=1)
    text = str(stop.value)
    assert "12 of 13 utterances rejected (missing-file 12)" in text
    assert "allows 6" in text
    assert "lost09.wav: missing-file" in text
    assert "lost10.wav" not in text
    assert str(layout.rejects("mine")) in text
    assert len(pq.read_table(layout.manifest("mine"))) == 1
    assert len(pq.read_table(layout.rejects("mine"))) == 12


@given(st.floats(0, 1e5).map(lambda x: round(x, 6)), st.floats(0, 1e5).map(lambda x: round(x, 6)))
def test_segments_have_the_same_name_only_if_they_are_the_same(a: float, b: float) -> None:
    names = {utterance_id("c", Utterance(path="x.wav", start_s=t, end_s=2e5)) for t in (a, b)}
    assert len(names) == len({a, b})


def test_emodb_real_has_no_rejects_and_all_its_labels(emodb_dir: Path) -> None:
    source = CorpusParams("emodb", str(emodb_dir))
    found = manifest.build("emodb", source, PARAMS_EMODB, workers=2)
    assert not len(found.rejects)
    assert (
        found.summary.labels.items()
        >= {"angry": 127, "happy": 71, "neutral": 79, "sad": 62}.items()
    )
    assert pa.compute.all(pa.compute.equal(found.utterances["language"], "de")).as_py()


PARAMS_EMODB = ManifestParams(
    min_duration_s=0.1, max_duration_s=60.0, silence_db=-60.0, max_reject_fraction=0.0
)

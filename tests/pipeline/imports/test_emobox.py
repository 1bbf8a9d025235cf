"""EmoBox's datasets come in with their traps: schemas, spellings, maps, languages, folds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imports import emobox
from pipeline.imports.items import ImportingError
from pipeline.params import ParamsError
from pipeline.splits import SplitParams, assign
from pipeline.splitting.audit import audit, columns
from tests.pipeline.imports.conftest import FUZZED, bring_in, entry, require_items_or_message, tone

EMODB_MAP = {"anger": "Angry", "boredem": "Boredom", "Neutral": "Neutral"}  # as it is


def row(dataset: str, path: str, emo: str, *, old: bool = False, **more: Any) -> dict[str, Any]:
    """A row in the usual schema, or in the one that some files have."""
    wav, key = f"downloads/{dataset}/{path}", f"{dataset}-{Path(path).stem}"
    head = {"key": key, "dataset": dataset, "audio" if old else "wav": wav, "type": "raw"}
    middle = {"sample_rate": 8000, "num_frame": 2400.0, "task": "category"}
    tail = {"label": emo} if old else {"length": 0.3, "emo": emo, "channel": 1}
    return head | middle | tail | more


def lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))


def make(
    root: Path,
    dataset: str,
    rows: Sequence[Mapping[str, Any]],
    speakers: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    map_name: str = "label_map.json",
) -> Path:
    """A dataset's folder, with a tone for each row where EmoBox wants it."""
    home = root / "EmoBox" / "data" / dataset
    lines(home / f"{dataset}.jsonl", rows)
    for i, r in enumerate(rows):
        tone(root / "EmoBox" / r["wav"], i)
    if speakers:
        stm = (
            f"{r['key']} 1 {s} 0 0.3 <id={r['key']},lang=en,spk={s},emotion=x> x\n"
            for r, s in zip(rows, speakers, strict=True)
        )
        (home / "data.seg.wrd.stm").write_text("".join(stm))
    if labels is not None:
        (home / map_name).write_text(json.dumps(labels))
    return home


def fold(
    home: Path, number: int, part: str, rows: Sequence[Mapping[str, Any]], gap: str = "_"
) -> None:
    name = f"{home.name}_{part}_fold{gap}{number}.jsonl"
    lines(home / f"fold_{number}" / name, rows)


@pytest.fixture
def emodb(tmp_path: Path) -> Path:
    """Four utterances of two speakers, two folds; fold 1 in both spellings and schemas."""
    names = ("03a01Wa", "03a02Lb", "08a01Na", "08a02Wb")
    emotions = ("anger", "boredem", "neutral", "anger")
    rows = [row("emodb", f"wav/{n}.wav", e) for n, e in zip(names, emotions, strict=True)]
    home = make(tmp_path, "emodb", rows, ["male_03"] * 2 + ["female_08"] * 2, EMODB_MAP)
    for number, train in ((1, [0, 2]), (2, [0, 1])):
        test = [i for i in range(4) if i not in train]
        fold(home, number, "train", [rows[i] for i in train])
        fold(home, number, "test", [rows[i] for i in test])
    old = [row("emodb", f"wav/{n}.wav", e, old=True) for n, e in zip(names, emotions, strict=True)]
    fold(home, 1, "test", [old[1], old[3]], gap="")
    return home


def test_speakers_languages_labels_and_folds_come_along(project: Path, emodb: Path) -> None:
    found = bring_in("emobox", emodb, "emodb")
    assert [r["utt_id"] for r in found] == [
        f"emodb/audio/wav/{n}" for n in ("03a01Wa", "03a02Lb", "08a01Na", "08a02Wb")
    ]
    assert [r["label"] for r in found] == ["angry", "bored", "neutral", "angry"]
    assert [r["raw_label"] for r in found] == ["anger", "boredem", "neutral", "anger"]
    assert [r["gender"] for r in found] == ["male", "male", "female", "female"]
    assert {r["language"] for r in found} == {"de"}  # EmoBox says en
    assert dict(found[1]["folds"]) == {"1": "test", "2": "train"}
    assert {r["stated_duration_s"] for r in found} == {0.3}  # its `length`
    assert entry("emodb")["labels"] == {"boredem": "bored"}
    assert (project / "data/raw/emodb/audio/wav/03a01Wa.wav").is_symlink()
    assert json.loads((project / "data/raw/emodb/import.json").read_text())["format"] == "emobox"


def test_a_fold_that_shares_speakers_is_told_by_the_audit(project: Path, emodb: Path) -> None:
    import pyarrow as pa

    from pipeline.listing.schema import SCHEMA

    table = pa.Table.from_pylist(bring_in("emobox", emodb, "emodb"), SCHEMA)
    split = assign([table], SplitParams("folds", None, 0.5, None, 0))
    shared = {c.fold: c.crossing for c in audit(split, [table], ("speaker",))}
    assert shared == {0: ("emodb/female_08", "emodb/male_03"), 1: ()}
    assert set(columns(("speaker",))) <= set(table.column_names)


def test_rows_of_the_other_schema_alone_are_read_too(project: Path, tmp_path: Path) -> None:
    rows = [row("mer2023", f"train/sample_{i}.wav", e) for i, e in enumerate(("happy", "worried"))]
    home = make(tmp_path, "mer2023", rows, ["sample_0", "sample_1"], {"happy": "Happy"})
    test1 = row("mer2023", "test1/sample_7.wav", "sad", old=True)
    test3 = row("mer2023", "test3/sample_8.wav", "angry", old=True)
    for number, r in ((7, test1), (8, test3)):
        tone(tmp_path / "EmoBox" / r["audio"], number)
    fold(home, 1, "train", rows)
    fold(home, 1, "test1", [test1])
    fold(home, 1, "test3", [test3])
    found = {r["path"]: r for r in bring_in("emobox", home, "mer2023")}
    assert found["audio/test1/sample_7.wav"]["split"] == "test"
    assert found["audio/test3/sample_8.wav"]["label"] == "angry"
    assert found["audio/train/sample_1.wav"]["split"] == "train"
    assert {r["language"] for r in found.values()} == {"zh"}
    assert {r["speaker"] for r in found.values()} == {None}  # it names each recording as one


def test_emovos_map_has_another_name(project: Path, tmp_path: Path) -> None:
    rows = [row("emovo", f"f1/{e}-f1-b1.wav", e) for e in ("gio", "rab")]
    labels = {"gio": "Happy", "rab": "Angry"}
    home = make(tmp_path, "emovo", rows, ["f1", "f1"], labels, map_name="label_dict.json")
    assert [r["label"] for r in bring_in("emobox", home, "emovo")] == ["happy", "angry"]


def test_jls_secondary_emotions_are_what_our_reader_of_jl_makes_of_them(
    project: Path, tmp_path: Path
) -> None:
    names = ("angry", "anxious", "assertive", "excited")
    rows = [row("jlcorpus", f"female1_{e}_1a_1.wav", e) for e in names]
    home = make(tmp_path, "jlcorpus", rows, ["f1", "f1", "m1", "m1"], {e: e.title() for e in names})
    found = bring_in("emobox", home, "jl")
    assert [r["label"] for r in found] == ["angry", "fear", "other", "excited"]


def test_rows_without_agreement_have_no_label(
    project: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [row("msppodcast", f"Audio/MSP_{i}.wav", e) for i, e in enumerate("AXUS")]
    home = make(tmp_path, "msppodcast", rows, ["1", "2", "2", "3"])
    (home / "label_map.json").write_text(
        '{"A": "Angry", "X": "No-agreement", "U": "Surprise", "S": "Sad"}'
    )
    (home / "msppodcast.jsonl").unlink()  # as published: only the folds
    fold(home, 1, "valid", rows)
    found = bring_in("emobox", home, "msp")
    assert [r["label"] for r in found] == ["angry", None, "surprise", "sad"]
    assert [r["split"] for r in found] == ["val"] * 4
    assert "the labels X stand for none" in caplog.text


def test_esd_is_of_two_languages_and_segments_have_times(project: Path, tmp_path: Path) -> None:
    rows = [row("esd", f"{s}/Angry/{s}_1.wav", "Angry") for s in ("0004", "0015")]
    found = bring_in("emobox", make(tmp_path, "esd", rows, ["0004", "0015"]), "esd")
    assert [r["language"] for r in found] == ["zh", "en"]
    rows = [
        row("pavoque", "all.wav", e, start_time=s, end_time=s + 0.1)
        for e, s in (("angry", 0.0), ("sad", 0.15))
    ]
    rows[1]["key"] = "pavoque-2"
    found = bring_in("emobox", make(tmp_path, "pavoque", rows, ["1", "1"]), "pavoque")
    assert [(r["start_s"], r["end_s"], r["language"]) for r in found] == [
        (0.0, 0.1, "de"),
        (0.15, 0.25, "de"),
    ]


def test_the_table_of_languages_has_all_thirty_two() -> None:
    assert len(emobox.LANGUAGES) == 32


@pytest.mark.parametrize("audio", [True, False])
def test_audio_lies_where_emobox_wants_it_or_where_the_option_says(
    project: Path, emodb: Path, tmp_path: Path, audio: bool
) -> None:
    (tmp_path / "EmoBox" / "downloads" / "emodb").rename(tmp_path / "mine")
    if audio:
        assert len(bring_in("emobox", emodb, "emodb", audio=tmp_path / "mine")) == 4
        return
    with pytest.raises(
        ImportingError, match=r"found no audio, expected .*say where it is by --audio"
    ):
        bring_in("emobox", emodb, "emodb")
    assert not (project / "data/raw/emodb").exists()
    with pytest.raises(KeyError):
        entry("emodb")


def test_what_is_wrong_is_named_with_its_place(project: Path, emodb: Path, tmp_path: Path) -> None:
    with pytest.raises(ImportingError, match="no such folder"):
        bring_in("emobox", tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImportingError, match=r"found neither empty\.jsonl nor folders fold_1"):
        bring_in("emobox", tmp_path / "empty")
    with pytest.raises(ParamsError, match="found the name 'a b'"):
        bring_in("emobox", emodb, "a b")
    with (emodb / "emodb.jsonl").open("a") as file:
        file.write('{"key": "x"}\n')
    with pytest.raises(
        ImportingError, match=r"emodb.jsonl:5: found \['key'\], expected key, wav and emo"
    ):
        bring_in("emobox", emodb)


@FUZZED
@given(seed=st.integers(0, 2**32))
def test_no_damage_leads_to_anything_but_utterances_or_a_message(seed: int, emodb: Path) -> None:
    require_items_or_message("emobox", emodb.parents[1], seed, "data/emodb")

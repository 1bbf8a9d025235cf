"""audformat databases, written by the package itself, come in with schemes, raters and splits."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imports.items import ImportingError
from tests.pipeline.imports.conftest import FUZZED, bring_in, require_items_or_message, tone

audformat = pytest.importorskip("audformat", reason="the extra audformat is not installed")
pd = pytest.importorskip("pandas")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Three files and two segments, two raters, a gold column, speakers with facts."""
    home = tmp_path / "db"
    files = [f"wav/{i}.wav" for i in range(3)]
    for i, file in enumerate(files):
        tone(home / file, i, duration_s=1)
    db = audformat.Database("toy", languages=["deu"])
    db.schemes["emotion"] = audformat.Scheme(labels=["anger", "happiness", "neutral"])
    speakers = {"anna": {"gender": "female", "age": 31}, "ben": {"gender": "male"}}
    db.schemes["speaker"] = audformat.Scheme(labels=speakers)
    db.schemes["transcription"] = audformat.Scheme(labels={"a01": "Guten Tag.", "a02": "Nein."})
    db.schemes["arousal"] = audformat.Scheme("float")
    for rater in ("r1", "r2"):
        db.raters[rater] = audformat.Rater()
    db.splits["dev"] = audformat.Split("dev")
    table = audformat.Table(audformat.filewise_index(files), split_id="dev")
    db["files"] = table
    columns = {
        "emotion": ("emotion", None, ["anger", None, "neutral"]),
        "emotion.r1": ("emotion", "r1", ["anger", "happiness", "neutral"]),
        "emotion.r2": ("emotion", "r2", ["anger", "anger", None]),
        "speaker": ("speaker", None, ["anna", "ben", "ben"]),
        "transcription": ("transcription", None, ["a01", "a02", None]),
        "arousal": ("arousal", None, [0.5, None, 0.25]),
    }
    for name, (scheme, rater, values) in columns.items():
        table[name] = audformat.Column(scheme_id=scheme, rater_id=rater)
        table[name].set(values)
    index = audformat.segmented_index([files[2]] * 2, ["0s", "0.5s"], ["0.4s", pd.NaT])
    db["segments"] = audformat.Table(index)
    db["segments"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["segments"]["emotion"].set(["happiness", "anger"])
    db.save(str(home))
    return home


def test_a_database_comes_in(project: Path, database: Path) -> None:
    found = {r["utt_id"].removeprefix("new/audio/wav/"): r for r in bring_in("audformat", database)}
    assert list(found) == ["0", "1", "2", "2#0-0.4", "2#0.5-"]
    first = found["0"]
    told = [first[n] for n in ("label", "speaker", "gender", "age", "language", "split")]
    assert told == ["angry", "anna", "female", 31, "de", "val"]
    assert (first["transcript"], first["sentence"], first["arousal"]) == ("Guten Tag.", "a01", 0.5)
    assert [(v["rater"], v["labels"]) for v in found["1"]["votes"]] == [
        ("r1", ["happiness"]),
        ("r2", ["anger"]),
    ]
    assert found["1"]["label"] is None
    assert dict(found["1"]["soft_label"]) == {"angry": 0.5, "happy": 0.5}
    assert (found["2"]["label"], found["2"]["agreement"]) == ("neutral", 1.0)
    assert (found["2#0-0.4"]["label"], found["2#0.5-"]["label"]) == ("happy", "angry")


def test_what_other_tables_tell_of_a_file_comes_along(project: Path, tmp_path: Path) -> None:
    """As in Emo-DB's database: the labels in one table, speakers and lengths in another."""
    home, files = tmp_path / "emodb", ["wav/03a01Fa.wav", "wav/08a02Wb.wav"]
    for i, file in enumerate(files):
        tone(home / file, i, duration_s=1)
    db = audformat.Database("emodb", languages=["deu"])
    db.raters["gold"] = audformat.Rater()
    db.schemes["emotion"] = audformat.Scheme(labels=["anger", "happiness"])
    speakers = {3: {"gender": "male", "language": "eng"}, 8: {"gender": "female"}}
    db.schemes["speaker"] = audformat.Scheme("int", labels=speakers)
    db.schemes["duration"] = audformat.Scheme("time")
    db["files"] = audformat.Table(audformat.filewise_index(files))
    db["emotion"] = audformat.Table(audformat.filewise_index(files))
    db["segments"] = audformat.Table(audformat.segmented_index(files[:1], ["0.2s"], ["0.7s"]))
    for table, name, rater, values in (
        ("files", "speaker", None, [3, 8]),
        ("files", "duration", None, pd.to_timedelta([1.0, 1.5], unit="s")),
        ("emotion", "emotion", "gold", ["happiness", "anger"]),
        ("segments", "emotion", "gold", ["anger"]),
    ):
        db[table][name] = audformat.Column(scheme_id=name, rater_id=rater)
        db[table][name].set(values)
    db.save(str(home))
    whole, part, other = bring_in("audformat", home)
    told = ("speaker", "gender", "language", "label", "stated_duration_s")
    assert [whole[n] for n in told] == ["3", "male", "en", "happy", 1.0]
    assert [part[n] for n in told] == ["3", "male", "en", "angry", None]
    assert [other[n] for n in told] == ["8", "female", "de", "angry", 1.5]


def test_a_database_without_the_scheme_names_those_it_has(project: Path, database: Path) -> None:
    with pytest.raises(ImportingError, match=r"no table .* scheme 'mood'; tables: files, segments"):
        bring_in("audformat", database, label="mood")
    with pytest.raises(ImportingError, match=r"found no db\.yaml"):
        bring_in("audformat", database / "wav")


@FUZZED
@given(seed=st.integers(0, 2**32))
def test_no_damage_leads_to_anything_but_utterances_or_a_message(seed: int, database: Path) -> None:
    require_items_or_message("audformat", database, seed)

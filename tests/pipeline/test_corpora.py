"""Readers: what they yield, and errors that name file, line, column and remedy."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import corpora
from pipeline.corpora import CorpusError, CorpusParams, emodb, values
from pipeline.corpora.tablefile import TableError
from pipeline.listing.utterance import Utterance, Vote, Word


def table(path: Path, **options: Any) -> list[Utterance]:
    return list(corpora.utterances(CorpusParams("table", str(path), **options)))


def write(folder: Path, text: str | bytes, name: str = "metadata.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_unknown_reader_names_the_readers() -> None:
    with pytest.raises(CorpusError, match="'iemocup', expected one of aesdd, cafe, casia"):
        CorpusParams("iemocup", "data/raw/x")


def test_a_language_that_is_no_code_is_refused() -> None:
    with pytest.raises(CorpusError, match="'German', expected an ISO 639-1 code"):
        CorpusParams("table", "data/raw/x", language="German")


def test_a_corpus_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere: no such file.*params\.yaml"):
        table(tmp_path / "nowhere")


# Emo-DB


def emodb_folder(tmp_path: Path, *names: str) -> CorpusParams:
    (tmp_path / "wav").mkdir()
    for name in names:
        (tmp_path / "wav" / name).touch()
    return CorpusParams("emodb", str(tmp_path))


def test_emodb_file_names_tell_everything(tmp_path: Path) -> None:
    [found] = corpora.utterances(emodb_folder(tmp_path, "16b10Lb.wav"))
    assert found == Utterance(
        path="wav/16b10Lb.wav",
        speaker="16",
        gender="female",
        age=31,
        language="de",
        transcript="Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
        sentence="b10",
        style="acted",
        raw_label="L",
    )


def test_emodb_yields_what_it_cannot_place_and_names_what_is_no_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("03a01Fa.wav", ".DS_Store", "notes.txt", "17a01Fa.wav", "03a01Xa.wav")
    found = {u.path: u for u in corpora.utterances(emodb_folder(tmp_path, *names))}
    assert found.pop("wav/03a01Fa.wav").fault is None
    assert list(found) == ["wav/03a01Xa.wav", "wav/17a01Fa.wav"]
    for path, utterance in found.items():
        assert utterance.fault is not None
        assert path.removeprefix("wav/") in utterance.fault
        assert "expected one like wav/03a01Fa.wav" in utterance.fault
        assert utterance.raw_label is None
    assert "found 1 utterances, the full Emo-DB has 535" in caplog.text
    assert "found 1 speakers, the full Emo-DB has 10" in caplog.text


def test_emodb_complete_is_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = [
        f"{s}{t}N{take}.wav" for s in emodb.SPEAKERS for t in emodb.SENTENCES for take in "abcdef"
    ]
    found = list(
        corpora.utterances(
            emodb_folder(tmp_path, *names[::6] + [n for i, n in enumerate(names) if i % 6][:435])
        )
    )
    assert len(found) == 535
    assert not caplog.text


def test_emodb_without_its_folder_or_files(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no recording like wav/03a01Fa\.wav among its 0"):
        list(corpora.utterances(CorpusParams("emodb", str(tmp_path))))
    with pytest.raises(CorpusError, match="no recording like"):
        list(corpora.utterances(emodb_folder(tmp_path)))


def test_emodb_real_has_ten_speakers_of_both_genders(emodb_dir: Path) -> None:
    found = list(corpora.utterances(CorpusParams("emodb", str(emodb_dir))))
    assert len({u.speaker for u in found}) == 10
    assert len({u.speaker for u in found if u.gender == "female"}) == 5
    assert {u.raw_label for u in found} >= set("WFNT")


# Tables

FULL = {
    "path": "a/ü 1.wav",
    "start_s": 0.5,
    "end_s": 2.0,
    "speaker": "anna",
    "gender": "female",
    "age": 31,
    "language": "de",
    "session": "s1",
    "dialogue": "d1",
    "turn": 4,
    "transcript": 'Er sagte: "nein",\nund ging.',
    "raw_label": "Wut",
    "soft_label": {"angry": 3.0, "sad": 1.0},
    "arousal": 4.5,
    "valence": 1.25,
    "dominance": 3.0,
    "split": "train",
}


def test_csv_tsv_and_json_lines_say_the_same(tmp_path: Path) -> None:
    quoted = ['"' + str(v).replace("'", '"').replace('"', '""') + '"' for v in FULL.values()]
    for separator, name in ((",", "a.csv"), (";", "b.csv"), ("\t", "c.csv"), ("\t", "d.tsv")):
        text = separator.join(FULL) + "\r\n" + separator.join(quoted).replace("'", '""') + "\r\n"
        assert table(write(tmp_path, text, name)) == [Utterance(**FULL)]
    text = "\ufeff" + json.dumps(FULL, ensure_ascii=False) + "\n\n"
    assert table(write(tmp_path, text, "e.jsonl")) == [Utterance(**FULL)]


def test_words_and_votes_are_json_in_a_cell(tmp_path: Path) -> None:
    words, votes = [["oh", 0.1, 0.25], ["no", 0.3, 0.5]], {"r1": "angry", "r2": ["sad", "fear"]}
    row = {"path": "a.wav", "words": words, "votes": votes, "sentence_id": "s1"}
    cells = ['"' + json.dumps(v).replace('"', '""') + '"' for v in (words, votes)]
    [csv] = table(write(tmp_path, f"path,words,votes,sentence_id\na.wav,{','.join(cells)},s1\n"))
    [json_line] = table(write(tmp_path, json.dumps(row), "b.jsonl"))
    assert csv == json_line
    assert csv.words == (Word("oh", 0.1, 0.25), Word("no", 0.3, 0.5))
    assert csv.votes == (Vote("r1", ("angry",)), Vote("r2", ("sad", "fear")))
    assert csv.sentence == "s1"


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert table(write(tmp_path, "\ufeffpath\na.wav\n")) == [Utterance(path="a.wav")]


@pytest.mark.parametrize("name", ["path", "file", "Audio", "WAV", "file_name"])
def test_the_audio_column_has_many_names(tmp_path: Path, name: str) -> None:
    assert table(write(tmp_path, f"{name}\na.wav\n")) == [Utterance(path="a.wav")]


def test_columns_maps_any_name_even_over_an_alias(tmp_path: Path) -> None:
    text = "path,text,heard,mood\na.wav,raw,clean,joy\n"
    columns = {"transcript": "heard", "label": "mood"}
    found = table(write(tmp_path, text), columns=columns)
    assert found == [Utterance(path="a.wav", transcript="clean", raw_label="joy")]


def test_empty_values_are_unknown(tmp_path: Path) -> None:
    text = "path,age,label,speaker\na.wav,,  ,\n,,,\n\n"
    assert table(write(tmp_path, text)) == [Utterance(path="a.wav")]
    text = '{"path": "a.wav", "age": null, "arousal": NaN, "speaker": 7}'
    assert table(write(tmp_path, text, "b.jsonl")) == [Utterance(path="a.wav", speaker="7")]


def test_columns_without_meaning_are_named_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    table(write(tmp_path, "path,weather,mic\na.wav,rain,2\n"))
    assert "ignored the columns mic, weather" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"metadata\.csv:1: found no column names"),
        ("speaker\nanna\n", r":1: found the columns speaker, expected one called 'path'"),
        ("path,path\na,b\n", r":1: found the column 'path' twice"),
        ("path,label,emotion\na.wav,x,y\n", r"'label' and 'emotion', which both mean 'raw_label'"),
        ("path,label\na.wav,x\nb.wav\n", r":3: found 1 values, expected 2 \(path, label\)"),
        ("path,label\na.wav,so, so\n", r":2: found 3 values, expected 2"),
        ("path,age\na.wav,old\n", r":2: column 'age': found 'old', expected a whole number"),
        ("path,age\na.wav,1.5\n", r":2: column 'age': found '1.5', expected a whole number"),
        ("path,start\na.wav,inf\n", r":2: column 'start': found 'inf', expected a number"),
        ("path,lang\na.wav,Deutsch\n", r":2: column 'lang': found 'Deutsch', expected an ISO"),
        ("path,soft_label\na.wav,3\n", r":2: column 'soft_label': found '3', expected votes"),
        ('path,soft_label\na.wav,"{""a"":0}"\n', r"expected votes .* at least one of them above"),
        ('path,soft_label\na.wav,"{"""": 3, ""angry"": 1}"\n', r":2: .*one of its labels is empty"),
        ("path,words\na.wav,oh no\n", r":2: column 'words': found 'oh no', expected words with"),
        ('path,words\na.wav,"[[""oh"", 2, 1]]"\n', r"found the times of 'oh' in"),
        ("path,votes\na.wav,angry\n", r":2: column 'votes': found 'angry', expected the label of"),
        ('path,votes\na.wav,"{""r1"": [""""]}"\n', r"one of the labels is empty"),
        ("path,label\ra.wav,x\r", r"carriage return alone, .*line ends of Unix or Windows"),
        ("path,label\na.wav,x\rb.wav,y\n", r":2: found a carriage return alone"),
        ("path,label\n,sad\n", r":2: column 'path': found nothing"),
        ("path\n../a.wav\n", r":2: column 'path': found '../a.wav', which leaves the folder"),
        ("path\na/../../b.wav\n", r"which leaves the folder by '..'"),
        ("path\n/data/a.wav\n", r":2: column 'path': found the absolute path '/data/a.wav'"),
        ("path\nC:\\a.wav\n", r"found the absolute path"),
        ("path\n.\n", r":2: column 'path': found '.', expected a path"),
        ('path,text\na.wav,"open\nb.wav,x\n', r":3: .*inside quotes write"),
        ("path\na.wav\n".encode("utf-16"), r":1: found byte 0xff, expected UTF-8"),
        (
            "path,text\na.wav,ok\nb.wav,\u9ad8\n".encode("gbk"),
            r":3: found byte 0xb8, expected UTF-8",
        ),
    ],
)
def test_a_bad_table_is_one_clear_error(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(TableError, match=message):
        table(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"path": "a.wav"}\n{"path": }\n', r":2: Expecting value at character 10"),
        ('["a.wav"]\n', r":1: found '\[\"a.wav\"\]', expected a JSON object"),
        ('{"path": "a.wav"}\n{"speaker": "b"}\n', r"found the columns speaker, expected one"),
        ('{"path": true}\n', r":1: column 'path': found True, expected text"),
        ('{"path": "\\ud800.wav"}\n', r"not valid Unicode"),
        ('{"path": "a\\u0000b"}\n', r":1: column 'path'"),
        ('{"path": "a.wav", "age": true}\n', r":1: column 'age': found True, expected a whole"),
    ],
)
def test_bad_json_lines_are_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        table(write(tmp_path, text, "metadata.jsonl"))


def test_columns_in_params_must_exist_on_both_sides(tmp_path: Path) -> None:
    path = write(tmp_path, "path,mood\na.wav,sad\n")
    with pytest.raises(TableError, match="`columns` names 'moood', the table has mood, path"):
        table(path, columns={"label": "moood"})
    with pytest.raises(TableError, match="`columns` names 'clip', the table has mood, path"):
        table(path, columns={"path": "clip"})
    with pytest.raises(TableError, match="found 'mood', expected one of path"):
        table(path, columns={"mood": "label"})


def test_the_table_of_a_folder_is_the_only_one_or_metadata(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="found no table"):
        table(tmp_path)
    write(tmp_path, "path\na.wav\n", "mine.csv")
    assert table(tmp_path) == [Utterance(path="a.wav")]
    write(tmp_path, "path\nb.wav\n", "yours.tsv")
    with pytest.raises(TableError, match=r"found the tables mine\.csv, yours\.tsv, expected one"):
        table(tmp_path)
    write(tmp_path, "path\nc.wav\n")
    assert table(tmp_path) == [Utterance(path="c.wav")]
    write(tmp_path, "path\nd.wav\n", "list.txt")
    with pytest.raises(TableError, match=r"found suffix '\.txt'"):
        table(tmp_path / "list.txt")


def test_the_root_is_the_folder_of_the_table(tmp_path: Path) -> None:
    path = write(tmp_path, "path\na.wav\n")
    for place in (path, tmp_path):
        assert corpora.root(CorpusParams("table", str(place))) == tmp_path


@given(st.text())
def test_no_text_becomes_a_path_outside_the_corpus(text: str) -> None:
    root = Path("/corpus")
    try:
        found = values.path(text)
    except ValueError:
        return
    assert (root / found).is_relative_to(root)
    assert ".." not in Path(found).parts
    assert values.path(found) == found

"""What all imports have in common: nothing half done, links or copies, tables read in place."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import layout
from pipeline.imports.items import ImportingError, Item, emotions, pairs
from pipeline.imports.writing import write
from pipeline.params import ParamsError
from tests.pipeline.imports.conftest import bring_in, entry, tone
from tests.projects import ROOT

PROVENANCE = {"source": "here"}


def test_tables_of_all_kinds_are_read_where_they_lie(project: Path, tmp_path: Path) -> None:
    place = tmp_path / "corpus"
    tone(place / "a.wav")
    row = {"clip": "a.wav", "who": "anna", "mood": "grumpy"}
    (place / "t.csv").write_text("clip,who,mood\na.wav,anna,grumpy\n")
    (place / "t.tsv").write_text("clip\twho\tmood\na.wav\tanna\tgrumpy\n")
    (place / "t.jsonl").write_text(json.dumps(row))
    votes = pa.array([[("r1", "sad"), ("r2", "angry")]], pa.map_(pa.string(), pa.string()))
    table = pa.Table.from_pylist([row | {"age": 31}]).append_column("votes", votes)
    pq.write_table(table, place / "t.parquet")
    (place / "other.csv").write_text("path\n")
    for suffix in ("csv", "tsv", "jsonl", "parquet"):
        asked = {"columns": {"path": "clip", "speaker": "who"}, "label": "mood"}
        [found] = bring_in(
            "table", place / f"t.{suffix}", suffix, labels={"grumpy": "angry"}, **asked
        )
        assert (found["speaker"], found["label"]) == ("anna", "angry")
        assert entry(suffix)["path"] == f"data/raw/{suffix}/t.{suffix}"
    assert (found["age"], [v["labels"] for v in found["votes"]]) == (31, [["sad"], ["angry"]])
    assert (project / "data/raw/csv").is_symlink()


def test_params_keep_their_comments(project: Path, tmp_path: Path) -> None:
    tone(tmp_path / "c" / "a.wav")
    (tmp_path / "c" / "metadata.csv").write_text("path\na.wav\n")
    shutil.copy(ROOT / "params.yaml", layout.PARAMS)
    before = layout.PARAMS.read_text()
    bring_in("table", tmp_path / "c")
    after = layout.PARAMS.read_text()
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [
        "  new: {reader: table, path: data/raw/new}"
    ]
    assert after.count("#") == before.count("#")


def test_a_name_that_is_taken_and_a_format_that_is_none_are_refused(
    project: Path, tmp_path: Path
) -> None:
    tone(tmp_path / "c" / "a.wav")
    (tmp_path / "c" / "metadata.csv").write_text("path\na.wav\n")
    bring_in("table", tmp_path / "c")
    with pytest.raises(ParamsError, match="there is a corpus 'new' already"):
        bring_in("table", tmp_path / "c")
    with pytest.raises(ImportingError, match="format: found 'csv', expected one of emobox"):
        bring_in("csv", tmp_path / "c", "other")
    with pytest.raises(ParamsError, match="no such file or folder"):
        bring_in("table", tmp_path / "nothing", "other")


@pytest.mark.parametrize("copy", [True, False])
def test_audio_is_linked_and_copied_only_when_asked(tmp_path: Path, copy: bool) -> None:
    tone(tmp_path / "a.wav")
    item = Item("x/a.wav", tmp_path / "a.wav", {"speaker": "1", "age": None})
    assert write(tmp_path / "out", [item, item], PROVENANCE, copy=copy) == 2
    made = tmp_path / "out" / "audio" / "x" / "a.wav"
    assert made.is_symlink() is not copy
    assert made.read_bytes() == (tmp_path / "a.wav").read_bytes()
    lines = (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"path": "audio/x/a.wav", "speaker": "1"}


def test_two_recordings_of_one_name_and_a_name_outside_are_refused(tmp_path: Path) -> None:
    items = [Item("a.wav", b"1", {}), Item("a.wav", b"22", {})]
    with pytest.raises(ImportingError, match=r"both be called audio/a\.wav: 1 bytes and 2 bytes"):
        write(tmp_path / "out", items, PROVENANCE, copy=False)
    with pytest.raises(ValueError, match="leaves the folder"):
        write(tmp_path / "out", [Item("../../a.wav", b"1", {})], PROVENANCE, copy=False)
    with pytest.raises(ImportingError, match="found no utterance"):
        write(tmp_path / "out", [], PROVENANCE, copy=False)
    assert not (tmp_path / "out").exists()


def test_pairs_of_the_command_line() -> None:
    assert emotions(pairs("--map-label", ["odd=none", "a=b"])) == {"odd": None, "a": "b"}
    with pytest.raises(ImportingError, match="--column: found 'speaker'"):
        pairs("--column", ["speaker"])

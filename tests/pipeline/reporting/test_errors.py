"""Laws of the table of mistakes and of the clips in it."""

import base64
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline import layout
from pipeline.evaluation.answers import read_answers
from pipeline.params import ReportParams
from pipeline.report import Extras, write_report
from pipeline.reporting.errors import THUMBNAIL, thumbnails, worst
from pipeline.rows.audio import ChangedError
from tests.pipeline.evaluation.made_answers import connection_of, prediction_rows, utterance_rows
from tests.pipeline.reporting.report_project import NOTE, RUN, SETTINGS, make_project


def test_the_surest_mistakes_come_first_each_utterance_once() -> None:
    rows = prediction_rows("0011", "0110", sure=0.5)
    rows += prediction_rows("0011", "0111", sure=0.9, seed=1)
    answers = read_answers(connection_of(rows, utterance_rows(4)), "all")
    found = worst(answers, {"one/0001": "hello", "one/0003": None})
    assert [(m.utt_id, m.seed, m.transcript) for m in found] == [
        ("one/0001", 1, "hello"), ("one/0003", 0, ""),
    ]  # fmt: skip
    assert found[0].sure == pytest.approx(0.9) and found[0].given == pytest.approx(0.1 / 3)
    assert worst(answers, {}, count=1) == [m for m in worst(answers, {}) if m.seed == 1]


def test_a_thumbnail_shows_time_across_and_high_frequencies_above() -> None:
    mel = np.full((300, 80), -8, np.float32)
    mel[150:, :40] = 0  # later: low frequencies
    connection = connection_of([], utterance_rows(1))
    table = {"utt_id": ["a"], "view": ["original"], "frames": [300], "mel": [mel.ravel()]}
    connection.register("mel", pa.table(table))
    data = thumbnails(connection, ["a"])["a"].partition(",")[2]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"), int)
    assert picture.shape == THUMBNAIL[::-1]
    halves = picture[:20, :72], picture[:20, 72:], picture[20:, :72], picture[20:, 72:]
    assert [half.mean() > 100 for half in halves] == [False, False, False, True]


def test_a_short_recording_has_a_thumbnail_too() -> None:
    connection = connection_of([], utterance_rows(1))
    row = {"utt_id": ["a"], "view": ["original"], "frames": [1], "mel": [[1.0, 2.0, 3.0]]}
    connection.register("mel", pa.table(row))
    assert thumbnails(connection, ["a"])["a"].startswith("data:image/png")


def test_recordings_are_left_out_unless_asked_for_and_told_of_when_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    catalog = make_project()
    write_report(catalog, {"all": RUN}, ReportParams((NOTE,), {}), SETTINGS)
    assert "<audio" not in layout.REPORT.read_text()
    extras = Extras(layout.FULL_REPORT, dict.fromkeys(catalog, tmp_path), clips=5, machine=False)
    write_report(catalog, {"all": RUN}, ReportParams((NOTE,), {}), SETTINGS, extras)
    assert "5 of 5 recordings are not on this machine" in layout.FULL_REPORT.read_text()
    for number in range(12):
        (tmp_path / f"{number:02d}.wav").write_bytes(b"another sound")
    with pytest.raises(ChangedError, match="changed since the manifest was made"):
        write_report(catalog, {"all": RUN}, ReportParams((NOTE,), {}), SETTINGS, extras)


def test_without_the_spectrograms_the_table_is_there_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    catalog = make_project()
    write_report(catalog, {"all": RUN}, ReportParams((NOTE,), {}), SETTINGS)
    assert 'class="thumb"' in layout.REPORT.read_text()
    for shard in catalog["one"]["mel"].shards:
        Path(shard).unlink()
    write_report(catalog, {"all": RUN}, ReportParams((NOTE,), {}), SETTINGS)
    page = layout.REPORT.read_text()
    assert 'class="thumb"' not in page and "Surest mistakes" in page
    assert pq.read_metadata(layout.predictions("all")).num_rows > 0

"""Laws of the reliability files."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.query import PREDICTIONS
from pipeline.reporting.reliability import plot_reliability
from tests.pipeline.evaluation.made_answers import prediction_rows


def test_each_filled_bin_has_a_row_and_the_same_answers_the_same_bytes(tmp_path: Path) -> None:
    rows = prediction_rows("0011", "0010", sure=0.7) + prediction_rows("01", "01", sure=0.9, seed=1)
    path = tmp_path / "all.parquet"
    pq.write_table(pa.Table.from_pylist(rows, PREDICTIONS), path)
    plot_reliability("all", path, tmp_path)
    with (tmp_path / "reliability.csv").open() as file:
        found = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert [row["count"] for row in found] == [4, 2]
    assert [row["accuracy"] for row in found] == [0.75, 1.0]
    assert [row["confidence"] for row in found] == pytest.approx([0.7, 0.9], abs=1e-6)
    first = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    plot_reliability("all", path, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == first
    assert first["reliability.png"].startswith(b"\x89PNG")

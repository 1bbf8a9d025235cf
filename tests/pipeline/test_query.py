"""Laws of `vcemo query`: every table is there, and nothing else is."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.catalog import Catalog
from pipeline.query import PREDICTIONS, SCHEMAS, QueryError, check, connect
from pipeline.reporting.query_output import abbreviate, run_query
from tests.pipeline.small_store import Spec, build, mel_of, simple_split


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Catalog]:
    root = tmp_path_factory.mktemp("query")
    return root, build(Spec(root, corpora=("one", "two")))


@pytest.fixture
def connection(store: tuple[Path, Catalog]) -> Any:
    root, catalog = store
    splits = {name: simple_split(root / f"{name}.parquet") for name in ("speaker", "random")}
    row = {"run": "all", "utt_id": "one/01", "fold": 0, "seed": 1, "label": "sad"}
    subsets = [{"subset": "test"}, {"subset": "val", "fold": 1}]
    runs = {}
    for run in ("all", "audio"):
        runs[run] = root / f"{run}.run.parquet"
        rows = [row | {"run": run} | subset for subset in subsets]
        pq.write_table(pa.Table.from_pylist(rows, PREDICTIONS), runs[run])
    return connect(catalog, splits, {**runs, "not yet": root / "not-yet.parquet"}, {})


def asked(connection: Any, sql: str) -> Any:
    return connection.execute(check(connection, sql)).fetchall()


def test_views_unite_corpora_splits_and_runs(connection: Any) -> None:
    assert asked(connection, "SELECT corpus, count(*) FROM utterances GROUP BY 1 ORDER BY 1") == [
        ("one", 12),
        ("two", 12),
    ]
    assert asked(connection, "SELECT count(*) FROM mel") == [(2 * 12 * 3,)]
    assert asked(connection, "SELECT DISTINCT split FROM splits ORDER BY 1") == [
        ("random",),
        ("speaker",),
    ]
    assert asked(connection, "SELECT run FROM predictions ORDER BY 1") == [("all",), ("audio",)]
    for view in SCHEMAS.keys() - {"rejects", "asr_scores"}:
        assert asked(connection, f"SELECT count(*) > 0 FROM {view}") == [(True,)]


def test_a_spectrogram_comes_out_as_it_went_in(connection: Any) -> None:
    [(values,)] = asked(
        connection, "SELECT mel FROM mel WHERE utt_id = 'two/03' AND view = 'pitch'"
    )
    assert np.array_equal(np.array(values, np.float16), mel_of("two/03", "pitch").ravel())


def test_views_without_data_are_empty_and_have_their_columns(store: tuple[Path, Catalog]) -> None:
    empty = connect({}, {}, {}, {})
    full = connect(store[1], {}, {}, {})
    for view, schema in SCHEMAS.items():
        assert asked(empty, f"SELECT * FROM {view}") == []
        names = [row[0] for row in asked(empty, f"DESCRIBE {view}")]
        assert names == schema.names
        kinds = {row[0]: row[1] for row in asked(empty, f"DESCRIBE {view}")}
        for name, kind, *_ in asked(full, f"DESCRIBE {view}"):
            assert kinds[name] == kind, (view, name)


def test_predictions_of_an_older_version_stand_beside_new_ones(tmp_path: Path) -> None:
    files = {run: tmp_path / f"{run}.parquet" for run in ("new", "old")}
    row = {"run": "new", "utt_id": "one/01", "subset": "test", "normalisation": "speaker"}
    table = pa.Table.from_pylist([row], PREDICTIONS)
    pq.write_table(table, files["new"])
    pq.write_table(table.drop_columns("normalisation"), files["old"])
    for order in (["new", "old"], ["old", "new"]):
        connection = connect({}, {}, {str(i): files[run] for i, run in enumerate(order)}, {})
        found = asked(connection, "SELECT normalisation FROM predictions ORDER BY ALL")
        assert found == [("speaker",), (None,)]


def test_missing_shards_are_told_where_they_are_asked_for(tmp_path: Path) -> None:
    catalog = build(Spec(tmp_path))
    Path(catalog["one"]["mel"].shards[1]).unlink()
    half = connect(catalog, {}, {}, {})
    assert asked(half, "SELECT count(*) FROM words") == [(12,)]
    with pytest.raises(QueryError, match=r"mel: 1 of 2 files are not on this machine.*dvc pull"):
        run_query(half, "SELECT utt_id FROM mel", "csv", tmp_path / "out.csv")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM 'OUTSIDE'",
        "SELECT * FROM read_parquet('OUTSIDE')",
        "COPY (SELECT 1) TO 'copied.csv'",
        "COPY (SELECT 1) TO 'SHARD' (USE_TMP_FILE false)",
        "WITH c AS (COPY (SELECT 1) TO 'SHARD' (USE_TMP_FILE false)) SELECT * FROM c",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO 'SHARD' (USE_TMP_FILE false)",
        "SELECT 1; COPY (SELECT 1) TO 'SHARD' (USE_TMP_FILE false)",
        "SELECT 1) ; COPY (SELECT 1) TO 'SHARD' (USE_TMP_FILE false); --",
        "FROM query('COPY (SELECT 1) TO ''SHARD'' (USE_TMP_FILE false)')",
        "ATTACH 'other.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "DROP VIEW mel",
        "CREATE TABLE t AS SELECT 1",
        "EXPORT DATABASE 'copied'",
        "SELECT * FROM store",  # a Python variable of the caller
        "",
    ],
)
def test_nothing_but_the_store_can_be_read_and_nothing_written(
    connection: Any, store: tuple[Path, Catalog], tmp_path: Path, sql: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    shard = Path(store[1]["one"]["mel"].shards[0])
    outside = tmp_path / "outside.parquet"
    pq.write_table(pa.table({"a": [1]}), outside)
    before = shard.read_bytes()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    sql = sql.replace("SHARD", str(shard)).replace("OUTSIDE", str(outside))
    with pytest.raises(QueryError):
        run_query(connection, sql, "csv", tmp_path / "answer.csv")
    assert shard.read_bytes() == before
    assert list((tmp_path / "here").iterdir()) == []
    assert not (tmp_path / "answer.csv").exists()


def test_files_can_be_read_when_asked_for(store: tuple[Path, Catalog], tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("utt_id,mood\none/01,grim\n")
    open_to_all = connect(store[1], {}, {}, {}, allow_files=True)
    sql = f"SELECT mood FROM utterances JOIN read_csv('{tmp_path / 'more.csv'}') USING (utt_id)"
    assert asked(open_to_all, sql) == [("grim",)]


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT x FROM mel", "SELECT * FROM mell"])
def test_errors_are_one_line_that_names_the_views(connection: Any, sql: str) -> None:
    with pytest.raises(QueryError) as caught:
        check(connection, sql)
    assert "\n" not in str(caught.value)
    assert "views: utterances, transcripts, views, mel, words, bert" in str(caught.value)


SQL = """SELECT utt_id, soft_label, tokens, 1.5 AS score, 'nan'::FLOAT AS odd, NULL AS nothing
FROM utterances JOIN words USING (utt_id) WHERE corpus = 'one' ORDER BY utt_id LIMIT 2; -- two"""


def test_csv_and_json_say_the_same(connection: Any, tmp_path: Path) -> None:
    run_query(connection, SQL, "csv", tmp_path / "a.csv")
    run_query(connection, SQL, "json", tmp_path / "a.json")
    rows = json.loads((tmp_path / "a.json").read_text())
    assert rows[0]["soft_label"] == {"angry": 0.5, "happy": 0.25, "bored": 0.25}
    assert rows[0]["odd"] is None and rows[1]["soft_label"] is None
    for row, cells in zip(
        rows, csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())), strict=True
    ):
        assert cells["utt_id"] == row["utt_id"]
        assert json.loads(cells["tokens"]) == row["tokens"]
        assert float(cells["score"]) == row["score"] and cells["nothing"] == ""


def test_parquet_keeps_types(connection: Any, tmp_path: Path) -> None:
    run_query(connection, SQL, "parquet", tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert len(table) == 2 and pa.types.is_map(table.schema.field("soft_label").type)
    assert pa.types.is_list(table.schema.field("tokens").type)


@pytest.mark.parametrize(
    "sql", ["DESCRIBE mel", "SHOW TABLES", "SUMMARIZE utterances", "FROM splits", "VALUES (1)"]
)
def test_short_forms_are_queries_too(connection: Any, tmp_path: Path, sql: str) -> None:
    run_query(connection, sql, "csv", tmp_path / "a.csv")
    assert len((tmp_path / "a.csv").read_text().splitlines()) > 1


def test_no_rows_are_an_answer_too(connection: Any, tmp_path: Path) -> None:
    run_query(connection, "SELECT 1 AS a WHERE false", "json", tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == []
    run_query(connection, "SELECT 1 AS a WHERE false", "csv", tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "a\n"


def test_tables_are_short(connection: Any, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run_query(connection, "SELECT * FROM range(101)", "table", None)
    text = capfdbinary.readouterr().out.decode()
    assert "100 rows, and more: use LIMIT" in text and len(text.splitlines()) < 110
    run_query(connection, "SELECT utt_id, vectors FROM words LIMIT 1", "table", None)
    assert "1 row" in capfdbinary.readouterr().out.decode()


def test_long_values_are_abbreviated() -> None:
    assert abbreviate([1.0, 0.25, 3.0, 4.0, 5.0]) == "[1, 0.25, 3, 4, … 5]"
    assert abbreviate(b"fLaC") == "4 bytes"
    assert len(abbreviate("long " * 100)) == 60

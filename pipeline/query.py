"""SQL over the store: DuckDB views of every table, in memory, for reading alone.

`connect` makes the views and then takes the connection's access to files away, except for the
very files behind the views. DuckDB lets the files it may read be written too, so `check` also
refuses every statement that is not a plain query.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import splits, stages
from pipeline.catalog import FEATURES, Catalog, shard_paths
from pipeline.evaluation.sql import MACROS
from pipeline.listing import rejects, schema
from pipeline.shard_files import Feature

PREDICTIONS = pa.schema(
    [
        *((name, pa.string()) for name in ("run", "utt_id", "corpus", "speaker")),
        ("fold", pa.int16()),
        ("seed", pa.int64()),
        ("subset", pa.string()),
        ("normalisation", pa.string()),  # train or speaker; null without audio
        ("label", pa.string()),
        ("prediction", pa.string()),
        ("probabilities", pa.map_(pa.string(), pa.float32())),
        ("ratings", pa.map_(pa.string(), pa.float32())),  # of a run that learns dimensions
        ("predicted_ratings", pa.map_(pa.string(), pa.float32())),
    ]
)
SCHEMAS: dict[str, pa.Schema] = {
    "utterances": schema.SCHEMA,
    **{
        stage.feature: Feature(stage.feature, stage.variant, stage.rows.PAYLOAD, 1).schema
        for stage in stages.STAGES.values()
    },
    "splits": pa.schema([("split", pa.string()), *splits.SCHEMA]),
    "predictions": PREDICTIONS,  # of test parts
    "val_predictions": PREDICTIONS,
    "rejects": rejects.SCHEMA,
}
SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
    pa.bool_(): "BOOLEAN",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float16(): "FLOAT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
}


class QueryError(ValueError):
    """A query that cannot be answered, said in one line."""


def connect(
    catalog: Catalog,
    split_files: Mapping[str, Path],
    prediction_files: Mapping[str, Path],
    reject_files: Mapping[str, Path],
    *,
    allow_files: bool = False,
) -> Any:
    """A DuckDB connection with the views of SCHEMAS over the store.

    Args:
        split_files: name -> file; those that do not exist yet are left out.
        prediction_files: run -> file, likewise.
        reject_files: corpus -> file, likewise.
        allow_files: leave the connection its access to files and settings.
    """
    import duckdb

    parts = {name: path for name, path in sorted(split_files.items()) if path.exists()}
    files = {"utterances": shard_paths(catalog, "manifest")}
    files |= {feature: shard_paths(catalog, feature) for feature in FEATURES}
    files["splits"] = list(parts.values())
    files["predictions"] = [p for _, p in sorted(prediction_files.items()) if p.exists()]
    files["val_predictions"] = files["predictions"]
    files["rejects"] = [p for _, p in sorted(reject_files.items()) if p.exists()]
    select = {view: f"SELECT * FROM {_read(paths)}" for view, paths in files.items()}
    select["splits"] = " UNION ALL ".join(
        f"SELECT {_quote(name)} AS split, * FROM {_read([path])}" for name, path in parts.items()
    )
    for view, subset in (("predictions", "test"), ("val_predictions", "val")):
        rows = _read(files[view], unite=True)  # those of an older version lack a column
        select[view] = f"SELECT * FROM {rows} WHERE subset = '{subset}'"
    connection = duckdb.connect(":memory:")
    for macro in MACROS:
        connection.execute(macro)
    for view, paths in files.items():
        connection.execute(f'CREATE VIEW "{view}" AS {_or_nothing(view, select[view], paths)}')
    if not allow_files:
        _lock(connection, [path for paths in files.values() for path in paths])
    return connection


def check(connection: Any, sql: str) -> str:
    """The one plain query in `sql`.

    Raises:
        QueryError: it is no single SELECT, or DuckDB does not understand it.
    """
    import duckdb

    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryError(
                f"expected one SELECT (or DESCRIBE, SUMMARIZE, SHOW TABLES), found "
                f"{len(statements)} statements: {', '.join(s.type.name for s in statements)}"
            )
        query = _without_semicolon(sql)
        # A WITH clause may hold COPY ... TO, at the top level alone: below it, it does not bind.
        connection.execute(f"EXPLAIN SELECT * FROM (\n{query}\n)")
    except duckdb.Error as error:
        raise QueryError(_one_line(error)) from None
    return query


def _without_semicolon(statement: str) -> str:
    """One statement up to its closing semicolon, if it has one; comments after it fall away."""
    import duckdb

    text = statement.encode()
    ends = [at for at, _ in duckdb.tokenize(statement) if text[at : at + 1] == b";"]
    return text[: ends[0]].decode() if ends else statement


def _or_nothing(view: str, select: str, paths: list[Path]) -> str:
    """The view's SQL; without files no rows, and an error where known files are missing."""
    columns = (f'NULL::{_sql_type(f.type)} AS "{f.name}"' for f in SCHEMAS[view])
    nothing = f"SELECT {', '.join(columns)}"
    missing = [path for path in paths if not path.exists()]
    if missing:
        message = (
            f"{view}: {len(missing)} of {len(paths)} files are not on this machine, the first is "
            f"{missing[0]}; run `dvc pull` or `dvc repro`"
        )
        return f"{nothing} WHERE error({_quote(message)})"
    return select if paths else f"{nothing} WHERE false"


def _sql_type(kind: Any) -> str:
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    if pa.types.is_map(kind):
        return f"MAP({_sql_type(kind.key_type)}, {_sql_type(kind.item_type)})"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{part.name} {_sql_type(part.type)}' for part in kind)})"
    return SQL_TYPES[kind]


def _lock(connection: Any, paths: list[Path]) -> None:
    connection.execute("SET temp_directory = ''")
    connection.execute("SET python_enable_replacements = false")
    connection.execute(f"SET allowed_paths = {_list(paths)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _read(paths: list[Path], *, unite: bool = False) -> str:
    return f"read_parquet({_list(paths)}, hive_partitioning = false, union_by_name = {unite})"


def _list(paths: list[Path]) -> str:
    return "[" + ", ".join(_quote(str(path)) for path in paths) + "]"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith("LINE ") and set(line) - set("^ ")]
    return f"{' '.join(told)} (views: {', '.join(SCHEMAS)})"

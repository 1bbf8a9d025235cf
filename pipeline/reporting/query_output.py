"""The answer of a query as a table on the console, CSV, JSON or Parquet."""

import base64
import csv
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, Literal

from pipeline.files import appearing
from pipeline.query import QueryError, check

Format = Literal["table", "csv", "json", "parquet"]
BATCH_ROWS = 1024
TABLE_ROWS = 100  # a table on the console shows no more
LIST_ITEMS = 4  # nor more of a list
TEXT_CHARACTERS = 60


def run_query(connection: Any, sql: str, form: Format, output: Path | None) -> None:
    """Answer `sql` in a form, to a file or to standard output.

    Raises:
        QueryError: the query cannot be answered, or Parquet would go to a terminal.
    """
    import duckdb

    query = check(connection, sql)
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise QueryError("Parquet is no text: give --output FILE, or a pipe")
    try:
        reader = connection.sql(query).to_arrow_reader(BATCH_ROWS)
        with _opened(output) as file:
            _WRITERS[form](reader, file)
    except duckdb.Error as error:
        raise QueryError(" ".join(str(error).split())) from None


@contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with appearing(output) as temporary, temporary.open("wb") as file:
        yield file


def _write_table(reader: Any, file: BinaryIO) -> None:
    import io

    from rich.console import Console
    from rich.table import Table

    rows: list[list[str]] = []
    more = False
    for row in _rows(reader):
        if more := len(rows) == TABLE_ROWS:
            break
        rows.append([abbreviate(value) for value in row.values()])
    table = Table(*reader.schema.names)
    for cells in rows:
        table.add_row(*cells)
    text = io.TextIOWrapper(file, "utf-8", write_through=True)
    console = Console(file=text, highlight=False, markup=False)
    console.print(table)
    shown = "row" if len(rows) == 1 else "rows"
    end = ", and more: use LIMIT and OFFSET, or --format csv" if more else ""
    console.print(f"{len(rows)} {shown}{end}")
    text.detach()


def _write_csv(reader: Any, file: BinaryIO) -> None:
    import io

    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(reader.schema.names)
    for row in _rows(reader):
        writer.writerow([_cell(value) for value in row.values()])
    text.detach()


def _write_json(reader: Any, file: BinaryIO) -> None:
    separator = b"[\n"
    for row in _rows(reader):
        file.write(separator + _json(row).encode())
        separator = b",\n"
    file.write(b"\n]\n" if separator == b",\n" else b"[]\n")


def _write_parquet(reader: Any, file: BinaryIO) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


_WRITERS = {
    "table": _write_table,
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}


def abbreviate(value: Any) -> str:
    """A value short enough for a table.

    >>> abbreviate([1.0, 0.25, 3.0, 4.0, 5.0]), abbreviate(b"fLaC"), abbreviate(None)
    ('[1, 0.25, 3, 4, … 5]', '4 bytes', '')
    """
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{k}: {abbreviate(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        shown = ", ".join(abbreviate(item) for item in value[:LIST_ITEMS])
        return f"[{shown}, … {len(value)}]" if len(value) > LIST_ITEMS else f"[{shown}]"
    text = str(value)
    return text if len(text) <= TEXT_CHARACTERS else text[: TEXT_CHARACTERS - 1] + "…"


def _rows(reader: Any) -> Iterator[dict[str, Any]]:
    """Rows as Python values; maps as dicts. Columns keep their order, repeated names a number."""
    names = list(_distinct(reader.schema.names))
    for batch in reader:
        columns = [batch.column(i) for i in range(len(names))]
        for row in zip(*(_plain(column) for column in columns), strict=True):
            yield dict(zip(names, row, strict=True))


def _distinct(names: list[str]) -> Iterator[str]:
    for i, name in enumerate(names):
        before = names[:i].count(name)
        yield f"{name}_{before}" if before else name


def _plain(column: Any) -> list[Any]:
    import pyarrow as pa

    if pa.types.is_map(column.type):
        return [None if v is None else dict(v) for v in column.to_pylist()]
    return list(column.to_pylist())


def _cell(value: Any) -> Any:
    return _json(value) if isinstance(value, list | dict | bytes) else value


def _json(value: Any) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, default=_other)


def _finite(value: Any) -> Any:
    """What JSON can say: no NaN and no infinity (null instead), and decimals as numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


def _other(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)

"""Rows of a table file (CSV, TSV, JSON lines, Parquet), each with its line or row number.

Values come out as the file has them: text from CSV and TSV, JSON values from the others.
"""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.corpora import CorpusError

SEPARATORS = ",;\t"  # spreadsheets write ; where the comma is the decimal sign
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = ".parquet"
SUFFIXES = (".csv", ".tsv", *JSON_LINES, PARQUET)
ROWS_AT_ONCE = 1 << 14
MAX_FIELD = 1 << 24  # characters; the csv module's own 131,072 is too few for some transcripts

Row = dict[str, Any]


class TableError(CorpusError):
    """A table file is wrong at one place."""


def wrong(path: Path, line: int | None, problem: str) -> TableError:
    """The error that names the place and the problem: what was found, expected, and what to do."""
    return TableError(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Tell what keeps a file or folder from being read, unless it is that it is not there.

    Raises:
        TableError: it cannot be read.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        problem = f"cannot be read ({error.strerror}); mend its permissions"
        raise wrong(path, None, problem) from error


def find(path: Path) -> Path:
    """The table of a corpus: `path` itself, or the only (or the only `metadata.*`) one in it.

    Raises:
        TableError: there is none, or more than one to choose from.
    """
    suffixes = ", ".join(SUFFIXES)
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise wrong(path, None, f"found suffix {path.suffix!r}, expected {suffixes}")
        return path
    with readable(path):
        tables = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    tables = [p for p in tables if not p.name.startswith(".")]
    named = [p for p in tables if p.stem == "metadata"]
    chosen = named or tables
    if len(chosen) == 1:
        return chosen[0]
    if not chosen:
        raise wrong(
            path,
            None,
            f"found no table, expected one file with {suffixes} that "
            "names the audio files; see 'Your own corpus' in the documentation",
        )
    names = ", ".join(p.name for p in chosen)
    raise wrong(
        path,
        None,
        f"found the tables {names}, expected one; let `path` name the "
        "one to read, or call it metadata.csv",
    )


def rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield (line number, row) of a table file, blank lines left out.

    Raises:
        TableError: the file is not UTF-8, or a line is not what its format asks for.
    """
    if path.suffix.lower() == PARQUET:
        return _parquet_rows(path)
    lines = _lines(path)
    return _json_rows(path, lines) if path.suffix.lower() in JSON_LINES else _rows(path, lines)


def _parquet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Rows with their numbers from 1; a map (of votes, for example) becomes a dict."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        maps = [field.name for field in file.schema_arrow if pa.types.is_map(field.type)]
        number = 0
        for batch in file.iter_batches(ROWS_AT_ONCE):
            for row in batch.to_pylist():
                number += 1
                yield number, row | {name: dict(row[name]) for name in maps if row[name]}
    except (pa.ArrowException, UnicodeDecodeError, OverflowError, OSError) as error:
        raise wrong(path, None, f"{error}; expected Parquet: write the file again") from error


def _lines(path: Path) -> Iterator[str]:
    """Decode line by line, so that an error can name its line."""
    with readable(path), path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise wrong(
                    path,
                    number,
                    f"found byte 0x{raw[error.start]:02x}, expected "
                    "UTF-8 text; save the file as 'UTF-8'",
                ) from error
            yield text


def _rows(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, Row]]:
    head = next(lines, "")
    separator = "\t" if path.suffix.lower() == ".tsv" else max(SEPARATORS, key=head.count)
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(_chain(head, lines), delimiter=separator, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_header(path, names)
        line = reader.line_num + 1
        for values in reader:
            if not any(values):  # a blank line, or the empty last rows of a spreadsheet
                line = reader.line_num + 1
                continue
            if len(values) != len(names):
                raise wrong(
                    path,
                    line,
                    f"found {len(values)} values, expected {len(names)} "
                    f"({', '.join(names)}); put values that contain "
                    f"{separator!r} in double quotes",
                )
            yield line, dict(zip(names, values, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        if "new-line" in str(error):
            problem = (
                "found a carriage return alone, expected the line ends of Unix or Windows; "
                "save it with one of these"
            )
        else:
            problem = f'{error}; inside quotes write "" for "'
        raise wrong(path, reader.line_num, problem) from error


def _chain(head: str, lines: Iterator[str]) -> Iterator[str]:
    yield head
    yield from lines


def _check_header(path: Path, names: list[str]) -> None:
    if not any(names):
        raise wrong(path, 1, "found no column names, expected them in the first line")
    for name in names:
        if name and names.count(name) > 1:
            raise wrong(path, 1, f"found the column {name!r} twice; rename one of them")


def _json_rows(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, Row]]:
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            raise wrong(
                path,
                number,
                f"{error.msg} at character {error.pos + 1}; expected one JSON object per line",
            ) from error
        if not isinstance(row, dict):
            raise wrong(
                path,
                number,
                f'found {text.strip()[:40]!r}, expected a JSON object such as {{"path": "a.wav"}}',
            )
        yield number, row

"""The label files that corpora bring: text in many encodings, tables, JSON.

Every fault is one error that names the file, the line where there is one, and what to do.
"""

import codecs
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pipeline.corpora import CorpusError, tablefile, values
from pipeline.corpora.tablefile import Row, wrong

Value = TypeVar("Value")

CHINESE = "gb18030"  # GBK and GB2312 are parts of it
MARKS = {
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
UNPACK = "unpack the corpus again, or get the file from its source"


def text(file: Path, *encodings: str) -> str:
    """The content of a text file: in the encoding its mark names, else UTF-8 or `encodings`.

    Raises:
        CorpusError: it is not there, cannot be read, or is in none of these encodings.
    """
    with _reading(file):
        data = file.read_bytes()
    marked = [name for mark, name in MARKS.items() if data.startswith(mark)]
    tried = marked[:1] or ["utf-8", *encodings]
    for encoding in tried:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            bad = error
    line = data.count(b"\n", 0, bad.start) + 1
    raise wrong(
        file,
        line,
        f"found byte 0x{data[bad.start]:02x}, expected text in {' or '.join(tried)}; "
        "save the file as 'UTF-8'",
    )


def lines(file: Path, *encodings: str) -> list[tuple[int, str]]:
    """(number, line) of a text file, without surrounding space; blank lines left out."""
    split = text(file, *encodings).replace("\0", "").split("\n")
    stripped = ((number, line.strip()) for number, line in enumerate(split, start=1))
    return [(number, line) for number, line in stripped if line]


def rows(file: Path, *columns: str) -> list[tuple[int, Row]]:
    """(line number, row) of a CSV or TSV table that has at least these columns.

    Raises:
        CorpusError: it is not there, is no such table, or lacks a column.
    """
    with _reading(file):
        found = list(tablefile.rows(file))
    if found:
        require(file, 1, found[0][1], *columns)
    return found


def document(file: Path, kind: type[dict[str, Any]] | type[list[Any]] = dict) -> Any:
    """The content of a JSON file, an object or a list.

    Raises:
        CorpusError: it is not there, or is not JSON of that kind.
    """
    content = text(file)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise wrong(file, line, f"not JSON ({error}); {UNPACK}") from error
    if not isinstance(found, kind):
        name = "an object" if kind is dict else "a list"
        raise wrong(file, None, f"found a JSON {type(found).__name__}, expected {name}; {UNPACK}")
    return found


def require(file: Path, line: int | None, found: Any, *names: str) -> None:
    """Stop unless `found` is a mapping with these names.

    Raises:
        CorpusError: it is not, with what it has.
    """
    has = list(found) if isinstance(found, dict) else []
    missing = [name for name in names if name not in has]
    if missing or not isinstance(found, dict):
        told = ", ".join(map(str, has[:12])) or type(found).__name__
        raise wrong(file, line, f"found {told}, expected {', '.join(names)}; {UNPACK}")


def value(
    file: Path, line: int | None, row: Row, column: str, parse: Callable[[Any], Value]
) -> Value | None:
    """One value of a row; None where it is absent or empty.

    Raises:
        CorpusError: `parse` does not accept it.
    """
    found = values.present(row.get(column))
    try:
        return None if found is None else parse(found)
    except ValueError as error:
        raise wrong(file, line, f"{column}: {error}") from error


def needed(
    file: Path, line: int | None, row: Row, column: str, parse: Callable[[Any], Value]
) -> Value:
    """One value of a row that cannot be absent.

    Raises:
        CorpusError: it is, or `parse` does not accept it.
    """
    found = value(file, line, row, column, parse)
    if found is None:
        raise wrong(file, line, f"{column}: found nothing, expected a value; {UNPACK}")
    return found


def first_of(root: Path, names: Sequence[str]) -> Path:
    """The first of several places where a file may be.

    Raises:
        CorpusError: it is in none of them.
    """
    for name in names:
        if (root / name).is_file():
            return root / name
    raise CorpusError(f"{root}: found none of {', '.join(names)}; {UNPACK}")


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Tell what keeps a file from being read as an error of the corpus."""
    try:
        with tablefile.readable(file):
            yield
    except FileNotFoundError as error:
        raise wrong(file, None, f"no such file; {UNPACK}") from error

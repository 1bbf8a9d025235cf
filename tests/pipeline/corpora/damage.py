"""Damage to label files: bytes and lines changed, values of JSON and cells of tables replaced."""

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STRANGE = (None, True, -1, 1e308, float("nan"), "", "x", "\ud800", "../x", "/x", "a\0b", "9" * 400)
EMPTY = ([], {}, ["a"], {"a": 1}, [[]])
CELLS = ("", "x", "nan", "-1", "1e999", "9" * 400, "../x", "/x", "a\\b", "[]", '{"a": 1}', '"', " ")


def damage(file: Path, draw: random.Random) -> None:
    """Change a file once to three times."""
    for change in draw.choices(CHANGES, k=draw.randrange(1, 4)):
        file.write_bytes(change(file.read_bytes(), draw))


def cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def flip(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.randrange(1, 5)):
        if changed:
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def insert(data: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(data) + 1)
    junk = draw.choice(
        [b'"', b"\0", b"\xef\xbb\xbf", b"\n", b"\t", b",", b"{", b"../", b"1e999", "、".encode()]
    )
    return data[:place] + junk + data[place:]


def swap(data: bytes, draw: random.Random) -> bytes:
    lines = data.split(b"\n")
    draw.shuffle(lines)
    return b"\n".join(lines)


def repeat(data: bytes, draw: random.Random) -> bytes:
    lines = data.split(b"\n")
    return b"\n".join([*lines, draw.choice(lines)])


def recode(data: bytes, draw: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode(draw.choice(["utf-16", "utf-16-le", "gb18030"]))


def retype(data: bytes, draw: random.Random) -> bytes:
    """One value of JSON, or of a line of it, by one of another kind; or one cell of a table."""
    try:
        text = data.decode()
    except UnicodeDecodeError:  # no text, as Parquet
        return flip(data, draw)
    try:
        return json.dumps(_replaced(json.loads(text), draw)).encode()
    except ValueError:
        pass
    lines = text.split("\n")
    number = draw.randrange(len(lines))
    try:
        lines[number] = json.dumps(_replaced(json.loads(lines[number]), draw))
    except ValueError:
        separator = "\t" if "\t" in lines[number] else ","
        cells = lines[number].replace("\0", "").split(separator)
        cells[draw.randrange(len(cells))] = draw.choice(CELLS)
        written = io.StringIO()
        csv.writer(written, delimiter=separator, lineterminator="").writerow(cells)
        lines[number] = written.getvalue()
    return "\n".join(lines).encode("utf-8", "replace")


def _replaced(value: Any, draw: random.Random) -> Any:
    whole = [value]
    holder, key = draw.choice([*_places(whole)])
    if isinstance(holder, dict) and draw.random() < 0.2:
        del holder[key]
    else:
        holder[key] = draw.choice([*STRANGE, *EMPTY])
    return whole[0]


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each (dict or list, key or index) in a value of JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in list(items):
        yield value, name
        if isinstance(inner, dict | list):
            yield from _places(inner)


CHANGES: list[Callable[[bytes, random.Random], bytes]] = [
    cut,
    flip,
    insert,
    swap,
    repeat,
    recode,
    retype,
    retype,
]

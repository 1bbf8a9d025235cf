"""audformat databases (audeering): tables, schemes, raters and splits become columns.

Every table with a column of the scheme `emotion` (or of the one that --label names) is read. Such
columns of several raters are votes; one without a rater, or called `gold`, is the label. What other
tables tell of the same file or segment (`files` often has the speakers) comes along; of a segment's
file, what is true of all of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.imports.items import ImportingError, Item, Options, stated_s

LABEL = "emotion"
COLUMNS = {  # manifest column -> names of columns and schemes it may have
    "speaker": ("speaker", "speaker_id", "actor"),
    "gender": ("gender", "sex"),
    "age": ("age",),
    "language": ("language",),
    "transcript": ("transcription", "transcript", "text"),
    "arousal": ("arousal", "activation"),
    "valence": ("valence",),
    "dominance": ("dominance",),
    "session": ("session",),
    "stated_duration_s": ("duration",),
}
OF_FILE = ("speaker", "gender", "age", "language", "session", "split")  # of its segments too
GOLD = ("gold", "gold_standard", "consensus")
PARTS = {"train": "train", "dev": "val", "test": "test"}

Place = tuple[str, float | None, float | None]  # file, start and end in seconds (none: all of it)


def items(source: Path, options: Options) -> Iterator[Item]:
    """Yield the files and segments of a database, table by table.

    Raises:
        ImportingError: `audformat` is not installed, or this is no such database.
    """
    try:
        import audformat
    except ImportError as error:
        raise ImportingError(
            "audformat databases need an extra: `pip install vcemo[audformat]`"
        ) from error
    home = source if source.is_dir() else source.parent
    if not (home / "db.yaml").exists():
        raise ImportingError(
            f"{home}: found no db.yaml, expected an audformat database as it is saved"
        )
    try:
        db = audformat.Database.load(str(home), load_data=True)
    except Exception as error:  # whatever the parsers of YAML, CSV and Parquet beneath it raise
        raise ImportingError(
            f"{home}: cannot be loaded ({type(error).__name__}: {error}); expected an audformat "
            "database as it is saved: get it again"
        ) from error
    label = options.label or LABEL
    tables = [db[name] for name in db.tables if _labelled(db[name], label)]
    if not tables:
        raise ImportingError(
            f"{home}: no table has a column of the scheme {label!r}; tables: "
            f"{', '.join(db.tables)}; schemes: {', '.join(db.schemes)}. Name one by --label"
        )
    rows = _merged(found for table in tables for found in _rows(db, table, label))
    others = [db[name] for name in db.tables if not _labelled(db[name], label)]
    beside = _merged(found for table in others for found in _rows(db, table, label))
    language = _code(db.languages[0]) if len(db.languages) == 1 else None
    for place, row in rows.items():
        file, start, end = place
        whole = {k: v for k, v in beside.get((file, None, None), {}).items() if k in OF_FILE}
        told = {"language": language, **whole, **beside.get(place, {}), **row}
        if not isinstance(file, str):
            raise ImportingError(f"{home}: found {file!r} in a table, expected the name of a file")
        yield Item(file, (options.audio or home) / file, {"start_s": start, "end_s": end, **told})


def _merged(found: Iterable[tuple[Place, dict[str, Any]]]) -> dict[Place, dict[str, Any]]:
    """What several tables tell of a place; the last that knows a thing is believed."""
    rows: dict[Place, dict[str, Any]] = {}
    for place, row in found:
        rows.setdefault(place, {}).update({k: v for k, v in row.items() if v is not None})
    return rows


def _labelled(table: Any, label: str) -> list[str]:
    """Columns of a table that hold the label."""
    return [n for n, c in table.columns.items() if label in (c.scheme_id, n)]


def _rows(db: Any, table: Any, label: str) -> Iterator[tuple[Place, dict[str, Any]]]:
    frame = table.df
    if lacking := sorted(set(table.columns) - set(frame.columns)):
        raise ImportingError(
            f"{db.root}: a table lacks the column {lacking[0]!r}, which db.yaml names; get the "
            "database again"
        )
    raters = {n: table.columns[n].rater_id for n in _labelled(table, label)}
    gold = [n for n, r in raters.items() if r is None or r in GOLD or n in GOLD] or list(raters)
    single = {r or n: n for n, r in raters.items() if n not in gold or (len(raters) > 1 and r)}
    part = db.splits[table.split_id].type if table.split_id else ""
    fixed = {"split": PARTS.get(part)}
    named = {
        column: (name, _labels(db, table.columns[name].scheme_id))
        for column, names in COLUMNS.items()
        for name, c in table.columns.items()
        if name in names or c.scheme_id in names
    }
    for index, values in zip(frame.index, frame.to_dict("records"), strict=True):
        votes = {r: str(v) for r, n in single.items() if _present(v := values[n])}
        row: dict[str, Any] = {"raw_label": _agreed([values[n] for n in gold]), **fixed}
        if votes and len(single) > 1:
            row |= {
                "votes": votes,
                "raw_label": row["raw_label"] if len(gold) == 1 else _agreed(list(votes.values())),
            }
        for column, (name, labels) in named.items():
            if _present(value := values[name]):
                row |= _described(column, value, labels)
        yield _place(index), row


def _described(column: str, value: Any, labels: Mapping[Any, Any]) -> dict[str, Any]:
    """A value, and what its scheme tells of it: gender, age and language of a speaker."""
    told = labels.get(value)
    if column == "speaker":
        known = told if isinstance(told, Mapping) else {}
        more = {k: known[k] for k in ("gender", "age") if _present(known.get(k))}
        if _present(known.get("language")):
            more["language"] = _code(known["language"])
        return {"speaker": str(value), **more}
    if column == "transcript" and isinstance(told, str):
        return {"transcript": told, "sentence_id": str(value)}
    if column == "language":
        return {"language": _code(value)}
    if column == "stated_duration_s":
        return {column: _seconds(value) if hasattr(value, "total_seconds") else stated_s(value)}
    return {column: value.item() if hasattr(value, "item") else value}


def _labels(db: Any, scheme: str | None) -> Mapping[Any, Any]:
    """The scheme's labels, with what it tells of each, if it does."""
    if scheme is None or scheme not in db.schemes:
        return {}
    labels = db.schemes[scheme].labels
    if isinstance(labels, str):  # a table of the database
        return {k: dict(v) for k, v in db[labels].df.to_dict("index").items()}
    return labels if isinstance(labels, Mapping) else {}


def _agreed(values: list[Any]) -> str | None:
    """The value most often given; None if there is none, or no single one."""
    counts = Counter(str(v) for v in values if _present(v)).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


def _place(index: Any) -> Place:
    if isinstance(index, tuple):
        file, start, end = index
        first, last = _seconds(start), _seconds(end)
        return (file, None, None) if not first and last is None else (file, first or 0.0, last)
    return index, None, None


def _seconds(time: Any) -> float | None:
    return float(time.total_seconds()) if _present(time) else None


def _present(value: Any) -> bool:
    import pandas as pd

    return value is not None and not (pd.api.types.is_scalar(value) and pd.isna(value))


def _code(language: str | None) -> str | None:
    """ISO 639-1 of a language that audformat keeps by ISO 639-3."""
    from iso639 import Lang
    from iso639.exceptions import InvalidLanguageValue

    try:
        found = Lang(language) if language else None
    except InvalidLanguageValue:
        return language
    return found and (found.pt1 or found.pt3)

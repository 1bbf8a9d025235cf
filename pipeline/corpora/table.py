"""Your own corpus: a table that names audio files.

A CSV, TSV or JSON-lines file (UTF-8) beside the audio, one row per utterance:

    path,speaker,label,transcript
    audio/001.wav,anna,angry,Leave me alone.
    audio/002.wav,ben,sad,I miss her.

Only `path` is required: the audio file, relative to the table's folder and inside it. The other
columns are those of the manifest; `ALIASES` lists further names that are understood, and `columns`
in params.yaml maps any other (`columns: {speaker: actor_name}`). Columns that mean nothing here
are named in the log and ignored. An empty value means unknown. Labels are names of emotions;
others are mapped by `labels` in params.yaml (`labels: {grumpy: angry}`).
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.corpora import CorpusParams, values
from pipeline.corpora.tablefile import Row, find, rows, wrong
from pipeline.listing.utterance import Utterance

ALIASES = {  # manifest column -> names it may have in the table, whatever their case
    "path": ("path", "file", "audio", "wav", "filename", "file_name", "audio_path", "wav_path"),
    "start_s": ("start_s", "start"),
    "end_s": ("end_s", "end"),
    "stated_duration_s": ("stated_duration_s", "duration_s"),  # compared by `vcemo corpus check`
    "speaker": ("speaker", "speaker_id"),
    "gender": ("gender", "sex"),
    "age": ("age",),
    "language": ("language", "lang"),
    "session": ("session",),
    "dialogue": ("dialogue", "dialog"),
    "turn": ("turn",),
    "transcript": ("transcript", "text", "transcription", "sentence"),
    "words": ("words",),
    "sentence": ("sentence_id",),  # not "sentence", which most tables use for the text
    "style": ("style",),
    "intensity": ("intensity",),
    "raw_label": ("raw_label", "label", "emotion"),
    "soft_label": ("soft_label",),
    "votes": ("votes",),
    "arousal": ("arousal",),
    "valence": ("valence",),
    "dominance": ("dominance",),
    "split": ("split", "subset"),
    "folds": ("folds",),
}
PARSERS: dict[str, Callable[[Any], Any]] = {  # manifest column -> its values; the rest is text
    "path": values.path,
    "start_s": values.number,
    "end_s": values.number,
    "stated_duration_s": values.number,
    "gender": values.gender,
    "age": values.whole,
    "language": values.language,
    "turn": values.whole,
    "words": values.words,
    "soft_label": values.shares,
    "votes": values.votes,
    "arousal": values.number,
    "valence": values.number,
    "dominance": values.number,
    "folds": values.folds,
}

CARD = None  # it reads any corpus

log = logging.getLogger(__name__)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances a table names, in its order.

    Raises:
        TableError: the table cannot be found or read, a value is not what its column asks for, or a
            path leaves the corpus's folder.
    """
    file = find(path)
    chosen = _chosen(file, source.columns or {})
    seen: set[str] = set()
    used: set[str] = set()

    @cache  # all rows of CSV, most rows of JSON lines have the same columns
    def columns(names: tuple[str, ...]) -> dict[str, str]:
        found = _columns(file, names, chosen)
        seen.update(names)
        used.update(found.values())
        return found

    for line, row in rows(file):
        yield _utterance(file, line, row, columns(tuple(row)))
    if missing := sorted(set(chosen.values()) - seen) if seen else []:
        raise _lacking(file, missing[0], seen)
    if ignored := sorted(seen - used):
        log.info("%s: ignored the columns %s", file, ", ".join(ignored))


def _chosen(file: Path, columns: Mapping[str, str]) -> dict[str, str]:
    """`columns` of params.yaml, with `label` and other aliases as names of manifest columns."""
    owner = {alias: column for column, aliases in ALIASES.items() for alias in aliases}
    for column in columns:
        if column not in owner:
            raise wrong(
                file,
                None,
                f"`columns` in params.yaml: found {column!r}, expected one of {', '.join(ALIASES)}",
            )
    return {owner[column]: name for column, name in columns.items()}


def _columns(file: Path, names: tuple[str, ...], chosen: dict[str, str]) -> dict[str, str]:
    """Manifest column -> column of the table."""
    found = {column: name for column, name in chosen.items() if name in names}
    for column, aliases in ALIASES.items():
        if column in chosen:
            continue
        matches = [name for name in names if name.strip().casefold() in aliases]
        matches = [name for name in matches if name not in chosen.values()]
        if len(matches) > 1:
            raise wrong(
                file,
                1,
                f"found {' and '.join(map(repr, matches))}, which both mean "
                f"{column!r}; say which one in params.yaml, for example "
                f"`columns: {{{column}: {matches[0]}}}`",
            )
        if matches:
            found[column] = matches[0]
    if "path" not in found and "path" in chosen:
        raise _lacking(file, chosen["path"], names)
    if "path" not in found:
        raise wrong(
            file,
            1,
            f"found the columns {', '.join(names)}, expected one called "
            "'path' that names the audio files; rename it, or map it in params.yaml: "
            "`columns: {path: your_column}`",
        )
    return found


def _lacking(file: Path, name: str, columns: Iterable[str]) -> Exception:
    has = ", ".join(sorted(columns))
    problem = f"`columns` names {name!r}, the table has {has}; correct `columns` in params.yaml"
    return wrong(file, None, problem)


def _utterance(file: Path, line: int, row: Row, columns: dict[str, str]) -> Utterance:
    found: dict[str, Any] = {}
    for column, name in columns.items():
        try:
            value = values.present(row[name])
            parse = PARSERS.get(column) or values.text
            found[column] = None if value is None else parse(value)
        except ValueError as error:
            raise wrong(file, line, f"column {name!r}: {error}") from error
    if found["path"] is None:
        raise wrong(
            file,
            line,
            f"column {columns['path']!r}: found nothing, expected the "
            "path of an audio file; fill it in or remove the line",
        )
    return Utterance(**found)

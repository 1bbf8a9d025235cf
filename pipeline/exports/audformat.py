"""audformat: a database with schemes, raters and splits; features as .npy files it names.

A table per official part (`utterances.train`, ...), or one (`utterances`); a column holds the path
of each feature's array, and an attachment the folder.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.corpora import card
from pipeline.corpus import Corpus
from pipeline.exports.content import ExportError, Request, place_audio, rows, save_arrays
from pipeline.splitting.protocols import OFFICIAL_NAMES

PARTS = {"train": "train", "val": "dev", "test": "test"}
NUMBERS = ("arousal", "valence", "dominance")
MOST_RATERS = 50  # each is a column
TEXTS = {"transcription": "transcript", "raw_label": "raw_label", "session": "session"}

Row = dict[str, Any]


def write(corpus: Corpus, request: Request, out: Path) -> None:
    """Write the database into the folder `out`.

    Raises:
        ExportError: `audformat` is not installed.
    """
    try:
        import audformat
    except ImportError as error:
        raise ExportError("this export needs an extra: `pip install vcemo[audformat]`") from error
    held = rows(corpus)
    saved = save_arrays(corpus, request, out)
    audio = place_audio(corpus, held, out, copy=request.copy)
    stated = card(corpus.params.corpora[corpus.name].reader)
    languages = sorted({row["language"] for row in held if row["language"]})
    db = audformat.Database(
        corpus.name,
        source=stated.home if stated else "",
        usage=audformat.define.Usage.OTHER,
        languages=[code for code in map(_alpha3, languages) if code],
        description=stated.citation if stated else None,
        license=stated.licence.name if stated else None,
    )
    emotions = sorted({row["label"] for row in held if row["label"]})
    db.schemes["emotion"] = audformat.Scheme(labels=emotions)
    db.schemes["speaker"] = audformat.Scheme(labels=_speakers(held))
    for name in (*TEXTS, *saved):
        db.schemes[name] = audformat.Scheme("str")
    for name in NUMBERS:
        db.schemes[name] = audformat.Scheme("float")
    raters = sorted({v["rater"] for row in held for v in row["votes"] or () if v["rater"]})
    raters = raters if len(raters) <= MOST_RATERS else []
    for rater in raters:
        db.raters[rater] = audformat.Rater()
    if raters:
        db.schemes["vote"] = audformat.Scheme("str")
    for name in saved:
        db.attachments[name] = audformat.Attachment(name, description=f"{name}, a file per row")
    for part, some in _parts(held):
        _add_table(db, part, some, audio, saved, raters)
    db.save(str(out))


def _parts(held: Sequence[Row]) -> Iterator[tuple[str | None, list[Row]]]:
    """The rows by official part; all as one if some have none."""
    told = [OFFICIAL_NAMES.get((row["split"] or "").casefold()) for row in held]
    if not all(told):
        yield None, list(held)
        return
    for part in PARTS:
        if some := [row for row, own in zip(held, told, strict=True) if own == part]:
            yield PARTS[part], some


def _add_table(
    db: Any,
    part: str | None,
    held: Sequence[Row],
    audio: Mapping[str, str],
    saved: Mapping[str, Mapping[str, str]],
    raters: Sequence[str],
) -> None:
    import audformat

    if part:
        db.splits[part] = audformat.Split(part)
    files = [audio[row["path"]] for row in held]
    if any(row["start_s"] is not None or row["end_s"] is not None for row in held):
        starts = [f"{row['start_s'] or 0}s" for row in held]
        ends = [None if row["end_s"] is None else f"{row['end_s']}s" for row in held]
        index = audformat.segmented_index(files, starts, ends)
    else:
        index = audformat.filewise_index(files)
    table = audformat.Table(index, split_id=part)
    db[f"utterances.{part}" if part else "utterances"] = table
    columns: dict[str, tuple[str, str | None, list[Any]]] = {
        "emotion": ("emotion", None, [row["label"] for row in held]),
        "speaker": ("speaker", None, [row["speaker"] for row in held]),
        **{name: (name, None, [row[own] for row in held]) for name, own in TEXTS.items()},
        **{name: (name, None, [row[name] for row in held]) for name in NUMBERS},
        **{n: (n, None, [paths.get(row["utt_id"]) for row in held]) for n, paths in saved.items()},
        **{f"vote.{r}": ("vote", r, [_vote(row, r) for row in held]) for r in raters},
    }
    for name, (scheme, rater, values) in columns.items():
        table[name] = audformat.Column(scheme_id=scheme, rater_id=rater)
        table[name].set(values)


def _vote(row: Row, rater: str) -> str | None:
    named = [", ".join(v["labels"]) for v in row["votes"] or () if v["rater"] == rater]
    return named[0] if named else None


def _speakers(held: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """What is known of each speaker."""
    found: dict[str, dict[str, Any]] = {}
    for row in held:
        if row["speaker"] is not None:
            known = {k: row[k] for k in ("gender", "age", "language") if row[k] is not None}
            known["language"] = _alpha3(known.get("language"))
            found[row["speaker"]] = {k: v for k, v in known.items() if v is not None}
    return dict(sorted(found.items()))


def _alpha3(code: str | None) -> str | None:
    """ISO 639-3, which audformat wants."""
    from iso639 import Lang
    from iso639.exceptions import InvalidLanguageValue

    try:
        return str(Lang(code).pt3) if code else None
    except InvalidLanguageValue:
        return None

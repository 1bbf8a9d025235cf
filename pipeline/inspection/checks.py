"""What is wrong with a corpus, or may be: each check looks at its rows and yields findings.

A `fault` makes results wrong or flattering and sets the exit code; a `warning` is worth a look.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from pipeline.inspection import fingerprint
from pipeline.inspection.sound import Sound
from pipeline.splits import SCHEMA as SPLIT_SCHEMA
from pipeline.splitting.audit import audit
from pipeline.splitting.protocols import OFFICIAL_NAMES

COLUMNS = [
    *("utt_id", "corpus", "path", "start_s", "end_s", "audio_key", "duration_s", "sample_rate"),
    *(
        "stated_duration_s",
        "channels",
        "peak_db",
        "loudness_db",
        "speaker",
        "session",
        "dialogue",
        "sentence",
    ),
    *("transcript", "label", "split", "folds"),
]
MOST_CLIPPED = 0.001  # share of samples
MOST_OFFSET = 0.01  # of full scale
MOST_SILENT = 0.8  # share of frames
QUIET_DB = 30.0  # below the corpus's median loudness
LONG = 6.0  # times the corpus's median duration
CHARACTERS_PER_S = (0.5, 40.0)  # beyond which a text does not fit its recording, in any script
OFF_S, OFF_SHARE = 0.1, 0.01  # codecs pad, and headers of long files are rounded
IMBALANCE = 10.0  # largest class by smallest

Weight = Literal["fault", "warning"]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Finding:
    """One thing that a check found."""

    check: str
    weight: Weight
    what: str
    utterances: tuple[str, ...]  # concerned; none if it is about the corpus


def check(table: pa.Table, sounds: Mapping[str, Sound]) -> list[Finding]:
    """All findings on a corpus, faults first.

    Args:
        table: COLUMNS of its manifest.
        sounds: by audio key; utterances without one are not listened to.
    """
    rows = table.to_pylist()
    heard = [(row, sounds[row["audio_key"]]) for row in rows if row["audio_key"] in sounds]
    found = [
        *_copies(heard),
        *_near_copies(heard),
        *_crossings(table),
        *_sound_faults(heard),
        *_levels(rows),
        *_formats(rows),
        *_durations(rows),
        *_balance(rows),
    ]
    return sorted(found, key=lambda finding: finding.weight != "fault")


def _copies(heard: Sequence[tuple[Mapping[str, Any], Sound]]) -> Iterator[Finding]:
    groups: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row, sound in heard:
        groups[sound.content].append(row)
    for same in groups.values():
        if len(same) > 1:
            yield Finding("duplicate", "fault", f"the same audio{_told_apart(same)}", _ids(same))


def _near_copies(heard: Sequence[tuple[Mapping[str, Any], Sound]]) -> Iterator[Finding]:
    """Pairs alike by fingerprint that are not the same samples, nor parts of one file."""
    prints = [np.frombuffer(sound.prints, "<u4").astype(np.uint32) for _, sound in heard]
    for match in fingerprint.matches(prints):
        (one, a), (other, b) = heard[match.one], heard[match.other]
        if a.content != b.content and one["path"] != other["path"]:
            what = (
                f"nearly the same audio: {match.wrong:.1%} of the bits of {match.seconds} s "
                f"differ{_told_apart([one, other])}"
            )
            yield Finding("near-duplicate", "fault", what, _ids([one, other]))


def _crossings(table: pa.Table) -> Iterator[Finding]:
    """Speakers, sentences and recordings on two sides of the official parts or folds."""
    for name, split in _official(table):
        for crossing in audit(split, [table]):
            if crossing.crossing:
                first = ", ".join(crossing.crossing[:3])
                yield Finding(
                    f"{crossing.kind}-across-parts",
                    "warning" if crossing.kind == "sentence" else "fault",
                    f"{name}: {len(crossing.crossing)} of {crossing.tested} of the test part are "
                    f"in training or validation too, first: {first}",
                    (),
                )


def _official(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    ids = table["utt_id"].to_pylist()
    told = {"official parts": table["split"].to_pylist()}
    folds = [dict(parts or ()) for parts in table["folds"].to_pylist()]
    for fold in sorted({fold for parts in folds for fold in parts}):
        told[f"fold {fold}"] = [parts.get(fold) for parts in folds]
    for name, parts in told.items():
        known = [OFFICIAL_NAMES.get((part or "").strip().casefold()) for part in parts]
        rows = [{"utt_id": i, "fold": 0, "subset": p} for i, p in zip(ids, known, strict=True) if p]
        if rows:
            yield name, pa.Table.from_pylist(rows, SPLIT_SCHEMA)


def _sound_faults(heard: Sequence[tuple[Mapping[str, Any], Sound]]) -> Iterator[Finding]:
    for name, bound, what in (
        ("clipped", MOST_CLIPPED, "samples cut off at the greatest magnitude"),
        ("silent", MOST_SILENT, "frames below -60 dB"),
        ("offset", MOST_OFFSET, "mean of the samples, of full scale"),
    ):
        worst = sorted(
            ((abs(getattr(s, name)), row["utt_id"]) for row, s in heard),
            key=lambda w: (-w[0], w[1]),
        )
        worst = [found for found in worst if found[0] > bound]
        if worst:
            told = f"{what}: more than {bound:.1%} in {len(worst)}, up to {worst[0][0]:.1%}"
            yield Finding(name, "warning", told, tuple(utt_id for _, utt_id in worst))


def _levels(rows: Rows) -> Iterator[Finding]:
    median = float(np.median([row["loudness_db"] for row in rows])) if rows else 0.0
    quiet = [row for row in rows if row["loudness_db"] < median - QUIET_DB]
    if quiet:
        told = f"{QUIET_DB:g} dB or more below the median loudness of {median:.1f} dB"
        yield Finding("quiet", "warning", told, _ids(quiet))


def _formats(rows: Rows) -> Iterator[Finding]:
    for column, what in (("sample_rate", "Hz"), ("channels", "channels")):
        counts = Counter(row[column] for row in rows).most_common()
        if len(counts) > 1:
            told = ", ".join(f"{n} of {value} {what}" for value, n in counts)
            rare = [row for row in rows if row[column] != counts[0][0]]
            yield Finding(f"mixed-{column.replace('_', '-')}", "warning", told, _ids(rare))


def _durations(rows: Rows) -> Iterator[Finding]:
    median = float(np.median([row["duration_s"] for row in rows])) if rows else 0.0
    long = [row for row in rows if row["duration_s"] > LONG * median]
    if long:
        told = f"more than {LONG:g} times the median duration of {median:.2f} s"
        yield Finding("long", "warning", told, _ids(long))
    yield from _stated_durations(rows)
    slowest, fastest = CHARACTERS_PER_S
    odd = [
        row
        for row in rows
        if (text := (row["transcript"] or "").strip())
        and not slowest <= len(text) / row["duration_s"] <= fastest
    ]
    if odd:
        told = f"text of less than {slowest:g} or more than {fastest:g} characters per second"
        yield Finding("text-length", "warning", told, _ids(odd))


def _stated_durations(rows: Rows) -> Iterator[Finding]:
    """Recordings that are not as long as the corpus's metadata say: cut off, or not the ones."""
    wrong = []
    for row in rows:
        stated, found = row["stated_duration_s"], row["duration_s"]
        if stated is not None and abs(found - stated) > max(OFF_S, OFF_SHARE * stated):
            wrong.append((-abs(found - stated), row["utt_id"], stated, found))
    if wrong:
        wrong.sort()
        _, _, stated, found = wrong[0]
        told = (
            f"not as long as the metadata say, by more than {OFF_S:g} s and {OFF_SHARE:.0%}; "
            f"the worst is stated {stated:.2f} s and is {found:.2f} s"
        )
        yield Finding("wrong-duration", "warning", told, tuple(utt_id for _, utt_id, *_ in wrong))


def _balance(rows: Rows) -> Iterator[Finding]:
    counts = Counter(row["label"] for row in rows if row["label"]).most_common()
    if len(counts) > 1 and counts[0][1] > IMBALANCE * counts[-1][1]:
        most, least = counts[0], counts[-1]
        told = f"{most[1]} {most[0]} for {least[1]} {least[0]}: read UA, not WA"
        yield Finding("imbalance", "warning", told, ())
    if without := [row for row in rows if not row["label"]]:
        yield Finding("unlabelled", "warning", "utterances without a label", _ids(without))


def _told_apart(rows: Rows) -> str:
    """What copies are told to be that cannot both be true."""
    told = []
    for column in ("label", "speaker", "split"):
        values = sorted({str(row[column]) for row in rows if row[column] is not None})
        if len(values) > 1:
            told.append(f"{column} {' and '.join(values)}")
    return f", yet of {'; '.join(told)}" if told else ""


def _ids(rows: Rows) -> tuple[str, ...]:
    return tuple(sorted(row["utt_id"] for row in rows))

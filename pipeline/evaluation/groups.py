"""Every score per value of a column: a manifest column, or one of the bins made from it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from pipeline.evaluation.answers import Answers, AnswersError
from pipeline.evaluation.bootstrap import RESAMPLES, Estimate, Resamples, confusions, estimate
from pipeline.evaluation.ratings import AGREEMENTS, Rated, agreements_of, score_resampled
from pipeline.evaluation.runscores import NAMES, pooled
from training.metrics import Floats, scores

BINS: Mapping[str, str] = {  # group -> SQL over the columns of `utterances`
    "duration": "duration_bin(duration_s)",
    "age": "age_bin(age)",
    "snr": "snr_bin(snr_db)",
    "speaker": "corpus || '/' || speaker",
    "session": "corpus || '/' || session",
}
WER_OF = "wer:"  # before the name of a text source: how badly it heard an utterance
WER = "wer_bin(coalesce(wer, cer))"  # CER in languages without spaces
USUAL = ("corpus", "language", "gender", "age", "session", "duration", "snr", "speaker")
NOT_GROUPS = ("utt_id", "path", "audio_key", "transcript", "start_s", "end_s")
PLAIN = ("VARCHAR", "BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE")
MAX_GROUPS = 200  # beyond this a column is an id or a number
MIN_UTTERANCES = 20  # of a group in a gap; in a smaller one a single answer moves WA by over 0.05

Rows = TypeVar("Rows", Answers, Rated)


class TooManyGroupsError(AnswersError):
    """A column has more values than make groups."""


@dataclass(frozen=True)
class GroupScores:
    """One value of the column."""

    value: str
    utterances: int
    in_gaps: bool  # False: too small, its scores are mostly chance
    pooled: dict[str, Estimate]


@dataclass(frozen=True)
class Grouping:
    """A run by the values of one column."""

    column: str
    groups: tuple[GroupScores, ...]
    unknown: int  # utterances without a value
    gaps: dict[str, Estimate]  # of each score: the best group less the worst, of those `in_gaps`


def columns(connection: Any) -> list[str]:
    """What a run may be grouped by."""
    rows = connection.execute("DESCRIBE utterances").fetchall()
    found = [name for name, kind, *_ in rows if kind in PLAIN]
    known = [name for name in found if name not in (*NOT_GROUPS, "snr_db", "duration_s")]
    heard = [WER_OF + source for source in _heard_sources(connection)]
    return [*known, "duration", *(["snr"] if "snr_db" in found else []), *heard]


def _heard_sources(connection: Any) -> list[str]:
    """Text sources whose errors against the reference are known."""
    import duckdb

    try:
        rows = connection.execute("SELECT DISTINCT source FROM asr_scores ORDER BY ALL").fetchall()
    except duckdb.Error:  # an older commit, or rows that were not pulled
        return []
    return [source for (source,) in rows]


def group_values(connection: Any, answers: Answers | Rated, column: str) -> np.ndarray[Any, Any]:
    """The value of each answer's utterance, None where unknown; (n,).

    Raises:
        AnswersError: there is no such column.
        TooManyGroupsError: it has too many values to be groups.
    """
    if column not in (known := columns(connection)):
        raise AnswersError(f"no column {column!r} to group by; there are {', '.join(known)}")
    rows = connection.execute(
        f"FROM ({_values_sql(column)}) WHERE utt_id IN (SELECT unnest($names))",
        {"names": answers.utt_ids.tolist()},
    ).fetchall()
    value = dict(rows)
    if len(set(value.values())) > MAX_GROUPS:
        raise TooManyGroupsError(
            f"column {column!r} has {len(set(value.values()))} values, at most {MAX_GROUPS} make "
            "groups; name another column"
        )
    by_utterance = np.array([value.get(name) for name in answers.utt_ids], dtype=object)
    return by_utterance[answers.utterance]


def _values_sql(column: str) -> str:
    if column.startswith(WER_OF):
        source = column.removeprefix(WER_OF)  # one of `columns`, whose names hold no quotes
        return f"SELECT utt_id, {WER} AS value FROM asr_scores WHERE source = '{source}'"
    sql = BINS.get(column, f'"{column}"')
    return f"SELECT utt_id, ({sql})::VARCHAR AS value FROM utterances"


def score_groups(
    connection: Any, answers: Answers, column: str, resamples: int = RESAMPLES
) -> Grouping:
    """Score each group of a column, and the gap between the best and the worst.

    Groups of fewer than MIN_UTTERANCES are in no gap: the smallest would else be its ends.
    """
    parts, unknown = _split(connection, answers, column)
    drawn = [confusions(part, seed, resamples) for seed, part in enumerate(parts.values())]
    groups = tuple(
        _group(name, part, pooled(part.counts(), resampled))
        for (name, part), resampled in zip(parts.items(), drawn, strict=True)
    )
    gaps = {name: _gap(name, groups, drawn, _score) for name in NAMES}
    return Grouping(column, groups, unknown, gaps)


def rate_groups(connection: Any, rated: Rated, column: str, resamples: int = RESAMPLES) -> Grouping:
    """The same of one dimension; the gap is the highest score less the lowest."""
    parts, unknown = _split(connection, rated, column)
    scored = [score_resampled(part, seed, resamples) for seed, part in enumerate(parts.values())]
    groups = tuple(
        _group(name, part, scores)
        for (name, part), (scores, _) in zip(parts.items(), scored, strict=True)
    )
    drawn = [resampled for _, resampled in scored]
    gaps = {name: _gap(name, groups, drawn, agreements_of) for name in AGREEMENTS}
    return Grouping(column, groups, unknown, gaps)


def _split(connection: Any, rows: Rows, column: str) -> tuple[dict[str, Rows], int]:
    """The rows of each value, and how many utterances have none."""
    values = group_values(connection, rows, column)
    known = np.array([value is not None for value in values], bool)
    names = sorted(set(values[known]), key=_natural)
    parts = {name: rows.where(values == name) for name in names}
    return parts, len(np.unique(rows.utterance[~known]))


def _group(name: str, part: Answers | Rated, scores: dict[str, Estimate]) -> GroupScores:
    utterances = len(np.unique(part.utterance))
    return GroupScores(name, utterances, utterances >= MIN_UTTERANCES, scores)


def _natural(name: str) -> list[tuple[bool, float, str]]:
    """A key that sorts s10 after s9, and 10 dB after 5 dB."""
    if name.startswith("below"):
        return [(False, -np.inf, name)]
    parts = re.findall(r"\d+\.?\d*|\D+", name)
    return [(not p[0].isdigit(), float(p) if p[0].isdigit() else 0.0, p) for p in parts]


def _gap(
    name: str,
    groups: tuple[GroupScores, ...],
    drawn: list[Resamples],
    score: Callable[[Floats, str], Floats],
) -> Estimate:
    found = [(g.pooled[name].value, i) for i, g in enumerate(groups) if g.in_gaps]
    valued = [(value, i) for value, i in found if value is not None]
    if len(valued) < 2:
        lacking = f"fewer than two groups of {MIN_UTTERANCES} utterances or more have this score"
        return Estimate(None, (), lacking)
    (low, worst), (high, best) = min(valued), max(valued)
    sides = (drawn[best], drawn[worst])
    shared = sides[0].sums.keys() & sides[1].sums.keys()
    differences: dict[Any, Floats] = {
        unit: score(sides[0].sums[unit], name) - score(sides[1].sums[unit], name)
        for unit in sorted(shared)
    }
    why = {**sides[0].why, **sides[1].why}
    return estimate(high - low, Resamples(differences, why), lambda values: values)


def _score(counts: Floats, name: str) -> Floats:
    return np.asarray(getattr(scores(counts), name))

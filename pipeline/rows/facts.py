"""What a stage tells of its rows at its end: for its closing line, the catalog and the metrics."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Facts = dict[str, dict[str, float]]  # what -> text source -> number


def of(feature: str, shards: Iterable[Path]) -> Facts:
    """The facts of a feature's rows, a function of these rows alone; {} for most features."""
    if feature not in _TOLD:
        return {}
    columns, tell = _TOLD[feature]
    tables = [
        pq.read_table(path, columns=["source", *columns], partitioning=None) for path in shards
    ]
    if not tables:
        return {}
    rows = pa.concat_tables(tables).combine_chunks()
    found: Facts = {}
    for source in sorted(rows["source"].unique().to_pylist()):
        here = rows.filter(pc.equal(rows["source"], source))
        for name, value in tell(here).items():
            found.setdefault(name, {})[source] = value
    return found


def _of_transcripts(rows: pa.Table) -> dict[str, float]:
    doubtful = pc.sum(pc.greater(pc.list_value_length(rows["doubts"]), 0)).as_py()
    empty = pc.sum(pc.equal(rows["text"], "")).as_py()
    if doubtful is None:  # the corpus's own texts
        return {"empty texts": empty or 0}
    retried = pc.sum(rows["retried"]).as_py()
    return {"empty texts": empty, "doubtful texts": doubtful, "decoded again": retried}


def _of_words(rows: pa.Table) -> dict[str, float]:
    known = pc.list_flatten(rows["known"])
    share = 1 - pc.sum(known).as_py() / len(known) if len(known) else 0.0
    return {"unknown words": round(share, 6)}


def _of_bert(rows: pa.Table) -> dict[str, float]:
    return {"truncated texts": pc.sum(rows["truncated"]).as_py() or 0}


def _of_asr_scores(rows: pa.Table) -> dict[str, float]:
    told = {}
    for name, errors, units in (
        ("WER", "word_errors", "words"),
        ("CER", "character_errors", "characters"),
    ):
        count, total = pc.sum(rows[errors]).as_py(), pc.sum(rows[units]).as_py()
        if total:
            told[name] = round(count / total, 6)
    return told


_TOLD: dict[str, tuple[tuple[str, ...], Callable[[pa.Table], dict[str, float]]]] = {
    "transcripts": (("text", "doubts", "retried"), _of_transcripts),
    "asr_scores": (("words", "word_errors", "characters", "character_errors"), _of_asr_scores),
    "words": (("known",), _of_words),
    "bert": (("truncated",), _of_bert),
}


def sentence(facts: Facts) -> str:
    """The facts as the closing line has them; what is 0 everywhere is left out.

    >>> sentence({"truncated texts": {"reference": 0}, "unknown words": {"a": 0.5, "b": 0.25}})
    'unknown words: a 50.0 %, b 25.0 %'
    """
    told = (
        f"{name}: " + ", ".join(f"{source} {_shown(v)}" for source, v in sources.items())
        for name, sources in facts.items()
        if any(sources.values())
    )
    return "; ".join(told)


def _shown(value: Any) -> str:
    return f"{value:.1%}".replace("%", " %") if isinstance(value, float) else str(value)

"""What the two sides of a split share: nothing is taken on trust, and nothing is refused here.

The training side of a fold is its train and its val part: both have a say in the model.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.splitting.draws import Indices, Mask, codes, spans, stretches
from pipeline.splitting.params import SUBSETS, TEST

KINDS = {  # what may cross from training to test
    "utterance": "the same utterance",
    "recording": "the same audio, byte for byte",
    "overlap": "segments of one file that overlap",
    "speaker": "the same speaker",
    "session": "the same session",
    "dialogue": "the same dialogue",
    "sentence": "the same words, whatever case and punctuation",
}
NEEDS = {  # kind -> columns of the manifest, beside utt_id and corpus
    "recording": ("audio_key",),
    "overlap": ("path", "start_s", "end_s"),
    "speaker": ("speaker",),
    "session": ("session",),
    "dialogue": ("dialogue",),
    "sentence": ("transcript", "sentence"),
}
UNKNOWN = -1


@dataclass(frozen=True)
class Crossing:
    """What of one kind crosses in one fold."""

    kind: str
    fold: int
    tested: int  # different ones in the test part
    crossing: tuple[str, ...]  # names of those that the training side has too
    utterances: int  # test utterances concerned
    of: int  # test utterances


def columns(kinds: Iterable[str] = KINDS) -> list[str]:
    """The columns of a manifest that `audit` needs."""
    return ["utt_id", "corpus", *(name for kind in kinds for name in NEEDS.get(kind, ()))]


def audit(
    split: pa.Table, manifests: Sequence[pa.Table], kinds: Iterable[str] = KINDS
) -> list[Crossing]:
    """What crosses, a line for each fold and kind of which the test part knows any.

    Args:
        split: utt_id, fold, subset.
        manifests: with the `columns` that the kinds need.
    """
    kinds = tuple(kinds)
    facts = pa.concat_tables([m.select(columns(kinds)) for m in manifests]).combine_chunks()
    row = np.asarray(pc.index_in(split["utt_id"], value_set=facts["utt_id"].combine_chunks()))
    tested = np.asarray(pc.index_in(split["subset"], pa.array(SUBSETS))) == TEST
    fold = np.asarray(split["fold"])
    named = {kind: _names(facts, kind) for kind in kinds}
    found = []
    for number in np.unique(fold):
        here = fold == number
        for kind, names in named.items():
            groups = _groups(facts, kind, names, row[here])
            crossing = _crossing(kind, int(number), groups, tested[here], names, row[here])
            found += [crossing] if crossing else []
    return found


def sentence(text: str) -> str:
    """A text as it is compared: letters and digits of any script, in lower case.

    >>> sentence("Kids are talking, by the door!") == sentence("kids are talking by the door")
    True
    """
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def _names(facts: pa.Table, kind: str) -> list[str | None]:
    """What each utterance has of a kind, by a name that is one over all corpora."""
    corpora = facts["corpus"].to_pylist()
    if kind == "sentence":
        told = (facts[name].to_pylist() for name in ("transcript", "corpus", "sentence"))
        return [_spoken(*parts) for parts in zip(*told, strict=True)]
    if kind in ("speaker", "session", "dialogue"):
        own = zip(corpora, facts[kind].to_pylist(), strict=True)
        return [name and f"{corpus}/{name}" for corpus, name in own]
    ids: list[str | None] = facts["utt_id"].to_pylist()
    return ids


def _groups(facts: pa.Table, kind: str, names: Sequence[str | None], rows: Indices) -> Indices:
    """A number for each different thing of a kind that some rows have, UNKNOWN for none."""
    if kind == "overlap":
        return _overlapping(facts, rows)
    if kind == "recording":
        return codes(facts["audio_key"])[rows]
    return _numbers(names)[rows]


def _spoken(transcript: str | None, corpus: str, number: str | None) -> str | None:
    """What is said; the corpus's id of the sentence where there is no transcript."""
    return sentence(transcript or "") or (f"{corpus}/{number}" if number else None)


def _numbers(names: Sequence[str | None]) -> Indices:
    """A number for each different name, UNKNOWN for none."""
    encoded = pa.array(names, pa.string()).dictionary_encode().indices
    return np.asarray(encoded.fill_null(UNKNOWN), dtype=np.int64)


def _overlapping(facts: pa.Table, rows: Indices) -> Indices:
    """A number for each stretch of sound of which there are several segments, else UNKNOWN."""
    start, end = spans(facts)
    groups = stretches(start[rows], end[rows])
    return np.where(np.bincount(groups)[groups] > 1, groups, UNKNOWN)


def _crossing(
    kind: str,
    fold: int,
    groups: Indices,
    tested: Mask,
    names: Sequence[str | None],
    rows: Indices,
) -> Crossing | None:
    known = groups != UNKNOWN
    shared = np.intersect1d(groups[known & tested], groups[known & ~tested])
    concerned = tested & np.isin(groups, shared)
    distinct = len(np.unique(groups[known & tested]))
    if not distinct:
        return None
    found = sorted({names[i] or "" for i in rows[concerned]})
    return Crossing(kind, fold, distinct, tuple(found), int(concerned.sum()), int(tested.sum()))


@dataclass(frozen=True)
class Total:
    """What of one kind crosses, over all folds."""

    kind: str
    folds: int  # in which something crosses
    of_folds: int
    tested: int  # summed over folds, as are the next two
    crossing: int
    utterances: int
    names: tuple[str, ...]  # of all folds, each once


def totals(crossings: Sequence[Crossing]) -> list[Total]:
    """A line for each kind, in the order of `KINDS`."""
    by_kind: defaultdict[str, list[Crossing]] = defaultdict(list)
    for crossing in crossings:
        by_kind[crossing.kind].append(crossing)
    return [
        Total(
            kind=kind,
            folds=sum(bool(c.crossing) for c in found),
            of_folds=len(found),
            tested=sum(c.tested for c in found),
            crossing=sum(len(c.crossing) for c in found),
            utterances=sum(c.utterances for c in found),
            names=tuple(sorted({name for c in found for name in c.crossing})),
        )
        for kind in KINDS
        if (found := by_kind.get(kind))
    ]

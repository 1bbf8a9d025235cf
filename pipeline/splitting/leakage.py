"""The check that no fold of a split is tested on what it was trained on."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.splitting.draws import Indices, codes, spans, stretches
from pipeline.splitting.params import SUBSETS, TEST, TRAIN, VAL

COLUMNS = ("utt_id", "corpus", "audio_key")  # of a manifest, that the check needs
TIMES = ("path", "start_s", "end_s")  # and these, which tell what segments of a file share


class LeakageError(ValueError):
    """A split has the same thing on two sides."""


def check_leakage(split: pa.Table, manifests: Sequence[pa.Table], group: str | None) -> None:
    """Refuse a split (utt_id, fold, subset) that leaks.

    In one fold no utterance, no audio and no stretch of a file may be in two subsets, and no
    `group` ("speaker" or "session", for the protocols of that name) both in test and in train or
    val. Train and val may share groups: validation is drawn from the training part.

    Args:
        manifests: COLUMNS, TIMES and `group`.

    Raises:
        LeakageError: the split leaks, or names an utterance that no manifest has.
    """
    columns = [*COLUMNS, *TIMES, *([group] if group else [])]
    facts = pa.concat_tables([m.select(columns) for m in manifests])
    found = pc.index_in(split["utt_id"], value_set=facts["utt_id"].combine_chunks())
    if found.null_count:
        stranger = split["utt_id"].filter(pc.is_null(found))[0]
        raise LeakageError(f"the split names {stranger}, which no manifest has; make it anew")
    row = np.asarray(found.combine_chunks(), dtype=np.int64)
    subset = np.asarray(pc.index_in(split["subset"], pa.array(SUBSETS)))
    fold = np.asarray(split["fold"])
    audio = codes(facts["audio_key"])
    start, end = spans(facts)
    groups = codes(_names(facts, group)) if group else None
    for number in np.unique(fold):
        here = fold == number
        _refuse_shared("utterance", facts["utt_id"], row[here], row[here], subset[here])
        _refuse_shared("audio", facts["utt_id"], audio[row[here]], row[here], subset[here])
        stretch = stretches(start[row[here]], end[row[here]])
        _refuse_shared("stretch of a file", facts["utt_id"], stretch, row[here], subset[here])
        if group and groups is not None:
            sides = np.where(subset[here] == TEST, TEST, TRAIN)
            _refuse_shared(group, facts[group], groups[row[here]], row[here], sides)


def _names(facts: pa.Table, group: str) -> pa.ChunkedArray:
    """Groups by corpus: speaker 1 of one corpus is not speaker 1 of another."""
    return pc.binary_join_element_wise(
        facts["corpus"], facts[group], "\n", null_handling="replace", null_replacement=""
    )


def _refuse_shared(
    what: str, names: pa.ChunkedArray, code: Indices, row: Indices, subset: Indices
) -> None:
    """Raise if rows of one code are in two subsets."""
    seen = np.zeros((len(SUBSETS), int(code.max(initial=-1)) + 1), bool)
    for side in (TRAIN, VAL, TEST):
        seen[side, code[subset == side]] = True
    shared = seen.sum(axis=0) > 1
    if not shared.any():
        return
    rows = np.unique(row[shared[code]])
    first = ", ".join(str(name) for name in names.take(pa.array(rows[:10])))
    raise LeakageError(
        f"the same {what} is in two subsets of one fold, {int(shared.sum())} times, first: "
        f"{first}. Correct the corpus (remove copies and overlaps, or give them one speaker, "
        "session or split), or choose another protocol"
    )

"""The protocols: in which part of which fold each utterance is.

Every function yields the folds of its protocol one by one: a subset, or `ABSENT`, for each row.
`pipeline/splits.py` tells what the protocols mean; here is how they are done.
"""

from collections.abc import Iterator, Sequence
from itertools import permutations
from math import floor

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.splitting.draws import Deck, Indices, Mask, codes, places, shuffle
from pipeline.splitting.params import (
    CHOSEN_ON_TEST,
    GROUPS,
    SUBSETS,
    TEST,
    TRAIN,
    VAL,
    SplitError,
    SplitParams,
)

Subsets = npt.NDArray[np.int8]  # TRAIN, VAL, TEST or ABSENT, one per row
ABSENT = -1  # from a fold

OFFICIAL_NAMES = {  # of the parts, in corpora
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "devel", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "test"),
}
MAX_ROWS = 50_000_000  # of the table: utterances x folds


def folds(rows: pa.Table, params: SplitParams) -> Iterator[Subsets]:
    """The folds of a protocol.

    Args:
        rows: labelled utterances, sorted by id.

    Raises:
        SplitError: a speaker, session or official part is missing, or there are too few of them.
    """
    match params.protocol:
        case "random":
            return _random(rows, params)
        case "official":
            return _official(rows, params)
        case "folds":
            return _own_folds(rows, params)
        case "corpus":
            return _corpora(rows, params)
        case "speaker" | "session" | "session_paper":
            return _grouped(rows, params)


def first_of(names: pa.Array) -> str:
    """The first ten, for a message."""
    return ", ".join(str(name) for name in names.slice(0, 10))


def _random(rows: pa.Table, params: SplitParams) -> Iterator[Subsets]:
    """Stretches of one fair order: fold f tests the f-th, and validates on what follows it."""
    n, test, val = len(rows), params.test_fraction or 0, params.val_fraction or 0
    place = places(_deck(rows, params), np.ones(n, bool))
    for fold in range(params.folds or 1):
        start, stop = floor(fold * test * n + 0.5), floor((fold + 1) * test * n + 0.5)
        after = (place - stop) % n
        subsets = np.where(after < floor(val * n + 0.5), VAL, TRAIN)
        subsets[(start <= place) & (place < stop)] = TEST
        yield subsets.astype(np.int8)


def _grouped(rows: pa.Table, params: SplitParams) -> Iterator[Subsets]:
    """Leave speakers or sessions out; validation is a share of the rest ("clean" protocol)."""
    deck = None if params.protocol in CHOSEN_ON_TEST else _deck(rows, params)
    fold_of = _groups_to_folds(rows, GROUPS[params.protocol], params.folds)
    for fold in range(int(fold_of.max()) + 1):
        test = fold_of == fold
        subsets = np.where(test, TEST, TRAIN).astype(np.int8)
        if deck is not None:
            subsets[~test] = _with_val(deck, ~test, params)
        yield subsets


def _corpora(rows: pa.Table, params: SplitParams) -> Iterator[Subsets]:
    """A fold for each ordered pair of corpora, by name: trained on the first, tested on the second.

    Raises:
        SplitError: there is one corpus.
    """
    names = sorted(pc.unique(rows["corpus"]).to_pylist())
    if len(names) < 2:
        raise SplitError(
            f"protocol 'corpus': found the corpus {names[0]} alone, expected at least two; add one "
            "to `corpora` in params.yaml, or choose another protocol"
        )
    deck, corpus = _deck(rows, params), np.array(rows["corpus"].to_pylist(), object)
    for trained, tested in permutations(names, 2):
        subsets = np.where(corpus == tested, TEST, ABSENT).astype(np.int8)
        here = corpus == trained
        subsets[here] = _with_val(deck, here, params)
        yield subsets


def _official(rows: pa.Table, params: SplitParams) -> Iterator[Subsets]:
    """The corpora's own parts; a corpus without a validation part gives a share of its training."""
    named = rows["split"].to_pylist()
    yield _told(rows, [name or "nothing" for name in named], params, "column `split` holds")


def _own_folds(rows: pa.Table, params: SplitParams) -> Iterator[Subsets]:
    """The corpora's own folds; an utterance that a fold does not name is in no part of it."""
    told = [dict(parts or ()) for parts in rows["folds"].to_pylist()]
    without = rows["utt_id"].filter(pa.array([not parts for parts in told]))
    if len(without):
        raise SplitError(
            f"protocol 'folds': {len(without)} of {len(rows)} utterances are in no fold of their "
            f"corpus (column `folds`), first: {first_of(without)}. Choose another protocol"
        )
    for name in sorted({name for parts in told for name in parts}, key=lambda n: (len(n), n)):
        parts = [parts.get(name) for parts in told]
        yield _told(rows, parts, params, f"fold {name} says")


def _told(rows: pa.Table, names: Sequence[str | None], params: SplitParams, where: str) -> Subsets:
    """Parts by the names that corpora give them; None for what is in none."""
    known = [OFFICIAL_NAMES.get((name or "").strip().casefold()) for name in names]
    wrong = [part is None and name is not None for part, name in zip(known, names, strict=True)]
    if any(wrong):
        strange = sorted({str(n) for n, w in zip(names, wrong, strict=True) if w})[:10]
        raise SplitError(
            f"protocol {params.protocol!r}: {sum(wrong)} of {len(rows)} utterances have no part "
            f"train, val or test ({where} {', '.join(strange)}), first: "
            f"{first_of(rows['utt_id'].filter(pa.array(wrong)))}. "
            "Correct the corpus or choose another protocol"
        )
    subsets = np.array([SUBSETS.index(part) if part else ABSENT for part in known], np.int8)
    corpus = codes(rows["corpus"])
    bare = ~np.isin(corpus, corpus[subsets == VAL]) & (subsets == TRAIN)
    if bare.any():
        subsets[bare] = _with_val(_deck(rows, params), bare, params)
    return subsets


def _deck(rows: pa.Table, params: SplitParams) -> Deck:
    if params.seed is None or params.val_fraction is None:
        raise SplitError(
            f"protocol {params.protocol!r}: a corpus has no validation part of its own, so "
            "`val_fraction` and `seed` are needed; add them to the split in params.yaml"
        )
    return shuffle(rows, params.seed)


def _with_val(deck: Deck, among: Mask, params: SplitParams) -> Subsets:
    """Train and val for the chosen rows."""
    count = floor((params.val_fraction or 0) * int(among.sum()) + 0.5)
    return np.where(places(deck, among) < count, VAL, TRAIN).astype(np.int8)


def _groups_to_folds(rows: pa.Table, column: str, folds: int | None) -> Indices:
    """The fold that tests each row: groups in order of size, each to the smallest fold so far."""
    missing = rows["utt_id"].filter(pc.is_null(rows[column]))
    if len(missing):
        raise SplitError(
            f"protocol {column!r}: {len(missing)} of {len(rows)} utterances have no {column}, "
            f"first: {first_of(missing)}. Add it to the corpus, or choose the protocol 'random'"
        )
    names = pc.binary_join_element_wise(rows["corpus"], rows[column], "\n")
    code = codes(names)
    distinct = pc.unique(names).to_pylist()
    if len(distinct) < (wanted := folds or 2):
        raise SplitError(
            f"protocol {column!r}: found {len(distinct)} {column}s, expected at least {wanted}; "
            "lower `folds` in params.yaml, or choose the protocol 'random'"
        )
    if len(rows) * (folds or len(distinct)) > MAX_ROWS:
        raise SplitError(
            f"protocol {column!r}: {len(rows)} utterances in {folds or len(distinct)} folds are "
            f"more than {MAX_ROWS} rows; set `folds` to a small number in params.yaml"
        )
    if folds is None:
        return np.argsort(np.argsort(np.array(distinct, object)))[code]
    sizes = np.bincount(code)
    load, fold_of = np.zeros(folds, np.int64), np.zeros(len(distinct), np.int64)
    for i in sorted(range(len(distinct)), key=lambda i: (-sizes[i], distinct[i])):
        fold_of[i] = np.argmin(load)
        load[fold_of[i]] += sizes[i]
    return fold_of[code]

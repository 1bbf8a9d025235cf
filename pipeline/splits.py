"""Who trains, validates and tests: a fold and a subset for every labelled utterance.

    random     the given shares of all utterances; fold f tests the f-th share
    speaker    one speaker, or one of k groups of speakers, is the test part of each fold
    session    the same with sessions
    session_paper  the same without a validation part: the best epoch is chosen on the test part, as
               the VCEMO paper does on IEMOCAP (optimistic, so the report names it)
    official   the corpus's own parts
    corpus     one corpus trains and another is the test part, for every ordered pair of them
    folds      the corpus's own folds, each with its parts

Every choice is drawn from names (a hash of seed and utterance id), so it is the same on any machine
and a new utterance moves few others. Parts that are drawn keep the proportions of corpora and
labels; utterances with the same audio, and segments that overlap, stay together.
"""

import logging
from collections.abc import Iterator, Sequence
from itertools import permutations
from math import floor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.files import appearing
from pipeline.splitting.audit import Crossing, audit
from pipeline.splitting.draws import Deck, Indices, Mask, codes, places, shuffle
from pipeline.splitting.leakage import TIMES, check_leakage
from pipeline.splitting.params import (
    CHOSEN_ON_TEST,
    GROUPS,
    OWN,
    SUBSETS,
    TEST,
    TRAIN,
    VAL,
    group_of,
)
from pipeline.splitting.params import SplitError as SplitError
from pipeline.splitting.params import SplitParams as SplitParams

Subsets = npt.NDArray[np.int8]  # TRAIN, VAL, TEST or ABSENT, one per row
ABSENT = -1  # from a fold

OFFICIAL_NAMES = {  # of the parts, in corpora
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "devel", "development"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "test"),
}
MAX_TOLD = 5  # folds, one by one in the log
MAX_ROWS = 50_000_000  # of the table: utterances x folds
COLUMNS = ["utt_id", "corpus", "label", "audio_key", *TIMES, "speaker", "session", "split"]
SCHEMA = pa.schema(
    [
        pa.field("utt_id", pa.string(), nullable=False),
        pa.field("fold", pa.int16(), nullable=False),
        pa.field("subset", pa.string(), nullable=False),
    ]
)

log = logging.getLogger(__name__)


def make(manifests: Sequence[Path], params: SplitParams, out: Path) -> pa.Table:
    """Split the utterances of some manifests, check the split, write it to `out`.

    Raises:
        SplitError, LeakageError: the corpora cannot be split so.
    """
    wanted = _columns(params)
    tables = [pq.read_table(path, columns=wanted, partitioning=None) for path in manifests]
    split = assign(tables, params)
    check_leakage(split, tables, group_of(params.protocol))
    if params.protocol in OWN:
        _tell_shared_speakers(audit(split, tables, ("speaker",)), params.protocol)
    with appearing(out) as temporary:
        pq.write_table(split, temporary, compression="zstd", compression_level=3)
    return split


def assign(manifests: Sequence[pa.Table], params: SplitParams) -> pa.Table:
    """Give every labelled utterance a subset in every fold; sorted by fold, then utterance.

    Raises:
        SplitError: an id occurs twice; a speaker, session or official part is missing; a subset
            would be empty.
    """
    rows = _labelled(manifests, _columns(params))
    match params.protocol:
        case "random":
            folds = _random(rows, params)
        case "official":
            folds = _official(rows, params)
        case "folds":
            folds = _own_folds(rows, params)
        case "corpus":
            folds = _corpora(rows, params)
        case "speaker" | "session" | "session_paper":
            folds = _grouped(rows, params)
    parts = []
    for number, whole in enumerate(folds):
        subsets = _thinned(rows, whole, params)
        _require_all(number, subsets, params.protocol)
        here = subsets != ABSENT
        names = pa.DictionaryArray.from_arrays(subsets[here], SUBSETS).cast(pa.string())
        fold = np.full(len(names), number, np.int16)
        ids = rows["utt_id"].combine_chunks().filter(pa.array(here))
        parts.append(pa.Table.from_arrays([ids, fold, names], schema=SCHEMA))
    return pa.concat_tables(parts)


def _columns(params: SplitParams) -> list[str]:
    return [*COLUMNS, "folds"] if params.protocol == "folds" else COLUMNS


def _labelled(manifests: Sequence[pa.Table], columns: Sequence[str]) -> pa.Table:
    rows = pa.concat_tables([m.select(list(columns)) for m in manifests]).sort_by("utt_id")
    ids = rows["utt_id"].combine_chunks()
    again = ids.slice(1).filter(pc.equal(ids.slice(1), ids.slice(0, max(len(ids) - 1, 0))))
    if len(again):
        raise SplitError(f"{len(again)} utterance ids occur twice: {_first(again)}")
    labelled = rows.filter(pc.is_valid(rows["label"]))
    if lost := len(rows) - len(labelled):
        log.info("%d utterances without a label are in no split", lost)
    if not len(labelled):
        raise SplitError(
            "found no utterance with a label, expected some; give the corpora labels, or, for a "
            "store without training, empty `splits`, `tasks` and `runs` in params.yaml ({} each)"
        )
    return labelled.combine_chunks()


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


def _thinned(rows: pa.Table, subsets: Subsets, params: SplitParams) -> Subsets:
    """The same with a share of the training part, the first of a fair order; the rest is absent.

    A smaller share is part of a larger one, and validation and test stay as they are.
    """
    if params.train_fraction is None:
        return subsets
    assert params.seed is not None, "SplitParams checks it"
    train = subsets == TRAIN
    count = max(1, floor(params.train_fraction * int(train.sum()) + 0.5))
    thinned = subsets.copy()
    kept = places(shuffle(rows, params.seed), train) < count
    thinned[train] = np.where(kept, TRAIN, ABSENT)
    return thinned


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
            f"corpus (column `folds`), first: {_first(without)}. Choose another protocol"
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
            f"{_first(rows['utt_id'].filter(pa.array(wrong)))}. "
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
            f"first: {_first(missing)}. Add it to the corpus, or choose the protocol 'random'"
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


def _require_all(fold: int, subsets: Subsets, protocol: str) -> None:
    counts = np.bincount(subsets[subsets != ABSENT], minlength=len(SUBSETS))
    needed = [TRAIN, TEST] if protocol in CHOSEN_ON_TEST else [TRAIN, VAL, TEST]
    if (counts[needed] == 0).any():
        found = ", ".join(f"{n} {name}" for name, n in zip(SUBSETS, counts, strict=True))
        raise SplitError(
            f"fold {fold} would have {found}, expected some of each; use more utterances, other "
            "fractions or another protocol"
        )


def _tell_shared_speakers(crossings: Sequence[Crossing], protocol: str) -> None:
    """The corpus's own parts are taken as they are, but not in silence."""
    shared = [c for c in crossings if c.kind == "speaker" and c.crossing]
    for found in shared[:MAX_TOLD]:
        log.warning(
            "protocol %r: in fold %d training hears %d of the %d test speakers too, so results for "
            "new speakers will be lower; first: %s",
            *(protocol, found.fold, len(found.crossing), found.tested, found.crossing[0]),
        )
    if len(shared) > MAX_TOLD:
        log.warning("... and likewise in %d more folds", len(shared) - MAX_TOLD)


def _first(names: pa.Array) -> str:
    return ", ".join(str(name) for name in names.slice(0, 10))

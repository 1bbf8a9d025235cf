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
from collections.abc import Sequence
from math import floor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.files import appearing
from pipeline.splitting.audit import Crossing, audit
from pipeline.splitting.draws import places, shuffle
from pipeline.splitting.leakage import TIMES, check_leakage
from pipeline.splitting.params import CHOSEN_ON_TEST, OWN, SUBSETS, TEST, TRAIN, VAL, group_of
from pipeline.splitting.params import SplitError as SplitError
from pipeline.splitting.params import SplitParams as SplitParams
from pipeline.splitting.protocols import ABSENT, Subsets, first_of, folds

MAX_TOLD = 5  # folds, one by one in the log
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
    parts = []
    for number, whole in enumerate(folds(rows, params)):
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
        raise SplitError(f"{len(again)} utterance ids occur twice: {first_of(again)}")
    labelled = rows.filter(pc.is_valid(rows["label"]))
    if lost := len(rows) - len(labelled):
        log.info("%d utterances without a label are in no split", lost)
    if not len(labelled):
        raise SplitError(
            "found no utterance with a label, expected some; give the corpora labels, or, for a "
            "store without training, empty `splits`, `tasks` and `runs` in params.yaml ({} each)"
        )
    return labelled.combine_chunks()


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

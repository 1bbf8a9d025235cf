"""The scales of the ratings of a task: those of its corpora, which may differ."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.catalog import Catalog
from pipeline.packing.params import TaskParams
from pipeline.packing.rows import PackError, Utterances

SLACK = 1e-4  # beyond the ends of a scale: ratings are float32
UNRATED = (-1.0, 1.0)  # of a corpus without ratings, which has no scale: it changes nothing

Scales = dict[str, tuple[float, float]]


def scales_of(name: str, params: TaskParams, catalog: Catalog, utterances: Utterances) -> Scales:
    """Least and most of each corpus's ratings; nothing for a task without dimensions.

    Raises:
        PackError: a dimension is rated nowhere, or a corpus's scale is not known or does not hold.
    """
    table, wanted = utterances.table, params.dimensions
    if lacking := [d for d in wanted if table[d].null_count == len(table)]:
        raise PackError(
            f"tasks.{name}.dimensions: no utterance of the task has {', '.join(lacking)}; take it "
            "out, or add a corpus that is rated"
        )
    corpora = sorted(pc.unique(table["corpus"]).to_pylist()) if wanted else []
    return {
        corpus: _scale(corpus, wanted, catalog, table.filter(pc.equal(table["corpus"], corpus)))
        for corpus in corpora
    }


def _scale(
    corpus: str, wanted: Iterable[str], catalog: Catalog, rows: pa.Table
) -> tuple[float, float]:
    told = catalog[corpus]["manifest"].facts.get("scale")
    if told is None:
        if all(rows[d].null_count == len(rows) for d in wanted):
            return UNRATED
        raise PackError(
            f"corpora.{corpus}: the scale of its ratings is not known; say it in params.yaml, "
            "as `scale: [1, 5]`, then run `dvc repro`"
        )
    for dimension in wanted:
        _refuse_outside(corpus, dimension, rows, (told["least"], told["most"]))
    return told["least"], told["most"]


def _refuse_outside(
    corpus: str, dimension: str, rows: pa.Table, scale: tuple[float, float]
) -> None:
    least, most = scale
    column = rows[dimension]
    wrong = rows.filter(pc.or_(pc.less(column, least - SLACK), pc.greater(column, most + SLACK)))
    if len(wrong):
        first = f"{wrong['utt_id'][0].as_py()} has {wrong[dimension][0].as_py():g}"
        raise PackError(
            f"corpora.{corpus}: {len(wrong)} ratings of {dimension} are outside its scale, "
            f"{least:g} to {most:g}, first: {first}; correct them, or `scale` of the corpus"
        )

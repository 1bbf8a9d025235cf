"""Facts of the sections on corpora and splits."""

from typing import Any

from pipeline.reporting import facts as store
from pipeline.reporting.context import Context


def facts(context: Context) -> dict[str, Any]:
    """What the corpora hold."""
    found = store.corpora(context.connection, context.catalog)
    return {
        "corpora": found,
        "labels": sorted({label for corpus in found for label in corpus.classes}),
    }


def fairness(context: Context) -> dict[str, Any] | None:
    """What training and test share in each split that is used."""
    splits = context.splits
    if not splits:
        return None
    return {"splits": [store.split_facts(context.connection, n, splits[n]) for n in sorted(splits)]}

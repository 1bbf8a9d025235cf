"""The catalog: what the store holds, as one small file that names every shard.

Each feature stage leaves an entry (`data/catalog/<corpus>/<feature>.json`), written after its
shards. The stage `catalog` joins the entries of the corpora named in params into
`data/catalog.json`; everything downstream reads the store through that file alone, so folders of
corpora no longer wanted change nothing.
"""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import layout
from pipeline.files import write_json

FEATURES = ("transcripts", "views", "mel", "words", "bert", "asr_scores")
STAGE_OF = {"transcripts": "asr", "views": "augment"}  # the others have the feature's name


class CatalogError(ValueError):
    """The store lacks something that was asked of it."""


@dataclass(frozen=True)
class Entry:
    """One feature of one corpus in the store."""

    rows: int
    key: str  # digest of the shards' names
    shards: tuple[str, ...]  # paths relative to the project's root, in bucket order
    params: dict[str, Any]  # the parameters the rows were made with
    encoders: dict[str, Any]  # the models used: name, revision, provenance
    facts: dict[str, Any] = field(default_factory=dict)  # of the rows: what -> source -> number


Catalog = dict[str, dict[str, Entry]]  # corpus -> feature (or "manifest") -> entry


def write_entry(feature: str, corpus: str, entry: Entry) -> None:
    """Leave the entry of one feature of one corpus; the last thing a feature stage does."""
    write_json(layout.feature_catalog(feature, corpus), entry.__dict__)


def read_entry(feature: str, corpus: str) -> Entry:
    """Read what a feature stage left.

    Raises:
        CatalogError: it has not run.
    """
    path = layout.feature_catalog(feature, corpus)
    if not path.exists():
        raise CatalogError(
            f"{path}: missing, so the store has no {feature} of corpus {corpus!r} yet; "
            f"run `dvc repro {STAGE_OF.get(feature, feature)}@{corpus}`"
        )
    return _entry(json.loads(path.read_text(encoding="utf-8")))


def merge(corpora: Iterable[str]) -> Catalog:
    """Join the entries of `corpora` into `data/catalog.json`; forget those of other corpora.

    Raises:
        CatalogError: a corpus has no entry for a feature.
    """
    catalog = {
        corpus: {feature: read_entry(feature, corpus) for feature in ("manifest", *FEATURES)}
        for corpus in sorted(corpora)
    }
    plain = {c: {f: e.__dict__ for f, e in entries.items()} for c, entries in catalog.items()}
    write_json(layout.CATALOG, {"corpora": plain})
    for folder in layout.FEATURE_CATALOGS.glob("*/"):
        if folder.name not in catalog:
            shutil.rmtree(folder)  # the rows stay in the store, for when it comes back
    return catalog


def load(path: Path = layout.CATALOG) -> Catalog:
    """Read the catalog.

    Raises:
        CatalogError: there is none yet.
    """
    if not path.exists():
        raise CatalogError(f"{path}: no catalog here; run `dvc repro catalog` in the project root")
    corpora = json.loads(path.read_text(encoding="utf-8"))["corpora"]
    return {c: {f: _entry(e) for f, e in entries.items()} for c, entries in corpora.items()}


def shard_paths(catalog: Catalog, feature: str) -> list[Path]:
    """The shards of one feature over all corpora, in a fixed order."""
    return [Path(p) for c in sorted(catalog) for p in _shards(catalog[c], feature)]


def _shards(entries: dict[str, Entry], feature: str) -> tuple[str, ...]:
    return entries[feature].shards if feature in entries else ()


def _entry(plain: dict[str, Any]) -> Entry:
    return Entry(**{**plain, "shards": tuple(plain["shards"])})

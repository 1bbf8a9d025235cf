"""What made the rows of a tensor cache, for its meta.json.

Only what the packed rows depend on: parameters of the features, and for texts the models of the
languages that occur, by their revisions. Where a model lies on this machine is left out.
"""

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow.compute as pc

from pipeline.catalog import STAGE_OF, Catalog, Entry
from pipeline.packing.rows import PackError, Utterances


def describe_origins(
    catalog: Catalog, utterances: Utterances, languages: Mapping[str, Collection[str]]
) -> dict[str, Any]:
    """Sections `audio`, `augment` and `mel`; where there are texts also `words`, `bert`, `sources`.

    Args:
        languages: text source -> languages of its packed transcripts, "" where not known.

    Raises:
        PackError: two corpora of the task were not made alike, or the catalog lacks a model.
    """
    names = pc.unique(utterances.table["corpus"]).to_pylist()
    corpora = {name: catalog[name] for name in sorted(names)}
    sound = _params(corpora, "views") | _params(corpora, "mel")
    if not languages:
        return sound
    spoken = sorted({language for found in languages.values() for language in found})
    words, bert = _params(corpora, "words")["words"], _params(corpora, "bert")["bert"]
    segmenters = {k: v for k, v in words["segmenters"].items() if k in spoken}
    return {
        **sound,
        "words": {"segmenters": segmenters, "revisions": _revisions(corpora, "words", spoken)},
        "bert": {**_without(bert, "models"), "revisions": _revisions(corpora, "bert", spoken)},
        "sources": {source: _source(corpora, source) for source in sorted(languages)},
    }


def sections_of(catalog: Catalog, utterances: Utterances, *, texts: bool) -> dict[str, Any]:
    """The sections of params.yaml that the store was made with, and its `corpora`.

    Args:
        texts: whether the task reads any; else what made them does not count.

    Raises:
        PackError: two corpora of the task were not made alike.
    """
    names = pc.unique(utterances.table["corpus"]).to_pylist()
    used = {name: catalog[name] for name in sorted(names)}
    read = ("views", "mel", *(("transcripts", "words", "bert") if texts else ()))
    made = {k: v for feature in read for k, v in _params(used, feature).items()}
    listed = {name: features["manifest"].params for name, features in catalog.items()}
    return {
        **made,
        "manifest": _alike("manifest", {name: listed[name]["manifest"] for name in used}),
        "corpora": {name: told["corpora"] for name, told in listed.items()},
    }


def _source(corpora: Catalog, source: str) -> Any:
    """Who heard the texts of a source: the corpora themselves, or a Whisper and its settings."""
    heard = _params(corpora, "transcripts")["asr"]["sources"]
    if source not in heard:
        return source  # "reference"
    revision = _revisions(corpora, "transcripts", [source])[source]
    return {**_without(heard[source], "model"), "revision": revision}


def _params(corpora: Catalog, feature: str) -> dict[str, Any]:
    """The parameters of a feature, by section, the same in every corpus."""
    return _alike(feature, {name: features[feature].params for name, features in corpora.items()})


def _alike(feature: str, params: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What all corpora have, by corpus."""
    first = next(iter(params))
    for corpus, found in params.items():
        if found != params[first]:
            raise PackError(
                f"{feature} of {first!r} and of {corpus!r} were made with different parameters; "
                f"{_remedy(feature, (first, corpus))}"
            )
    return params[first]


def _revisions(corpora: Catalog, feature: str, uses: Collection[str]) -> dict[str, str]:
    """The one revision of the model of each use: a language, or an ASR source."""
    return {use: _revision(corpora, feature, use) for use in uses}


def _revision(corpora: Catalog, feature: str, use: str) -> str:
    found = {corpus: _model(features[feature], use) for corpus, features in corpora.items()}
    revisions = {model["revision"] for model in found.values() if model}
    if len(revisions) != 1:
        wrong = f"{len(revisions)} models" if revisions else "no model"
        raise PackError(
            f"the catalog names {wrong} for {use!r} in {feature} of {', '.join(found)}, expected "
            f"one; {_remedy(feature, found)}"
        )
    return str(revisions.pop())


def _model(entry: Entry, use: str) -> dict[str, Any] | None:
    model: dict[str, Any] | None = entry.encoders.get(use or str(None))  # a language not known
    return model


def _without(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != name}


def _remedy(feature: str, corpora: Collection[str]) -> str:
    stage = STAGE_OF.get(feature, feature)
    stages = " ".join(f"{stage}@{corpus}" for corpus in corpora)
    return f"run `dvc repro {stages} catalog` to bring them up to date"

"""Facts of the section on texts: where they come from, how good they are, what embeds them."""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.catalog import Catalog, Entry
from pipeline.recognition import Pooled, draw, pooled
from pipeline.reporting.context import Context
from pipeline.reporting.figures import figure, to_svg

_TOLD = ("transcripts", "words", "bert")  # features whose facts are shown


def facts(context: Context) -> dict[str, Any] | None:
    """Error rates and shares of each text source, and what the word vectors were made from."""
    corpora = [_corpus(context, name) for name in sorted(context.catalog)]
    told = [corpus for corpus in corpora if corpus["sources"]]
    if not told:
        return None
    return {"corpora": told, "vectors": vectors(context.catalog)}


def vectors(catalog: Catalog) -> list[dict[str, Any]]:
    """The word vectors behind the store, each once: language, model, sources, whether GloVe."""
    found = {
        (language, model["name"]): {"language": language, **model}
        for entries in catalog.values()
        for language, model in _encoders(entries.get("words")).items()
    }
    return [found[key] for key in sorted(found)]


def _encoders(entry: Entry | None) -> Mapping[str, Any]:
    return {} if entry is None else entry.encoders


def _corpus(context: Context, name: str) -> dict[str, Any]:
    entries = context.catalog[name]
    scores = pooled(context.connection, name)
    return {
        "name": name,
        "sources": _sources(entries, scores),
        "chart": _chart(name, scores) if scores else None,
    }


def _sources(entries: Mapping[str, Entry], scores: Iterable[Pooled]) -> dict[str, dict[str, Any]]:
    """Per text source what its stages told of it: empty texts, unknown words, error rates, ..."""
    sources: dict[str, dict[str, Any]] = {}
    for feature in _TOLD:
        for what, values in (entries[feature].facts if feature in entries else {}).items():
            for source, value in values.items():
                sources.setdefault(source, {})[what] = value
    for one in scores:
        if one.grouping == "all":
            found = {"WER": one.wer, "CER": one.cer, "scored": one.utterances}
            sources.setdefault(one.source, {}).update(found)
    return dict(sorted(sources.items()))


def _chart(corpus: str, scores: list[Pooled]) -> Any:
    with figure(10, 3.6) as page:
        draw(page, scores)
        alt = f"Character error rate in {corpus} by class, speaker and duration"
        return to_svg(page, f"cer-{corpus}", alt)

"""The parameters that a tensor cache was made with, for its meta.json, named as in params.yaml.

Where corpora lie is left out, and of a model outside of the project all but the name of its folder:
that differs between machines and changes no value.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.packing.params import TaskParams
from pipeline.splitting.params import SplitParams

SOUND = ("audio", "augment", "mel", "manifest")


def made_with(
    name: str,
    task: TaskParams,
    splits: Mapping[str, SplitParams],
    sections: Mapping[str, Any],
    languages: Collection[str],
) -> dict[str, Any]:
    """What the cache of a task depends on, as JSON brings it back.

    Args:
        sections: those of params.yaml that make features, and `corpora`; as params.yaml says them
            now, or as the store was made
        languages: of the packed transcripts, "" where not known
    """
    found = {
        "tasks": {name: {**asdict(task), "classes": task.task.classes}},
        "splits": {split: asdict(params) for split, params in splits.items()},
        "corpora": {c: _without(told, "path") for c, told in sections["corpora"].items()},
        **{section: sections[section] for section in SOUND},
        **(_of_texts(sections, task.sources, languages) if task.sources else {}),
    }
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def _of_texts(
    sections: Mapping[str, Any], sources: Collection[str], languages: Collection[str]
) -> dict[str, Any]:
    """Of the sources that are packed, and the models of the languages that occur."""
    words, bert, heard = sections["words"], sections["bert"], sections["asr"]["sources"]
    spoken = {k: v for k, v in words["segmenters"].items() if k in languages}
    return {
        "asr": {
            "sources": {
                source: {**heard[source], "model": _anywhere(heard[source]["model"])}
                for source in sources
                if source in heard
            }
        },
        "words": {"models": _models(words["models"], languages), "segmenters": spoken},
        "bert": {**bert, "models": _models(bert["models"], languages)},
    }


def _models(models: Mapping[str, str], languages: Collection[str]) -> dict[str, str | None]:
    """The model that serves each language; None where there is none."""
    serving = {lang: models.get(lang, models.get("default")) for lang in sorted(languages)}
    return {lang: name and _anywhere(name) for lang, name in serving.items()}


def _anywhere(model: str) -> str:
    """A model's name as it is on every machine.

    >>> _anywhere("data/models/bert"), _anywhere("/mnt/models/bert"), _anywhere("org/bert@abc")
    ('data/models/bert', 'bert', 'org/bert@abc')
    """
    outside = Path(model).is_absolute() or model.startswith(("~", ".."))
    return Path(model).name if outside else model


def _without(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in params.items() if key != name}

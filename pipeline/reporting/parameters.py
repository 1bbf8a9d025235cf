"""Facts of the section on what was run: models behind the features, and parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.reporting.context import Context
from pipeline.reporting.facts import encoders

USED_BY_NAME = ("sizes", "presets", "tasks", "splits")  # sections of which runs use some entries
SECTIONS = (
    *("corpora", "audio", "manifest", "asr", "augment", "mel", "words", "bert", "runs"),
    "robustness",
)


def facts(context: Context) -> dict[str, Any]:
    """Encoders and the parameters that the runs and their features used."""
    return {
        "machine": context.machine,
        "encoders": encoders(context.catalog),
        "settings": dict(_shown(context)),
    }


def _shown(context: Context) -> Iterator[tuple[str, dict[str, Any]]]:
    """Sections of the params as flat lines; of named entries only those a run uses."""
    for section in SECTIONS:
        if context.settings.get(section):
            yield section, dict(_flat(context.settings[section]))
    for section in USED_BY_NAME:
        used = {getattr(run.params, section.removesuffix("s")) for run in context.runs}
        entries = {k: v for k, v in context.settings.get(section, {}).items() if k in used}
        if entries:
            yield section, dict(_flat(entries))


def _flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list | tuple):
        yield at, ", ".join(str(item) for item in value) or "none"
    else:
        yield at, "none" if value is None or value == {} else value

"""What is wrong with a params file, a line per fault: unknown keys, and what pydantic found."""

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails


def explain(error: ErrorDetails, where: str) -> str:
    """One line for one fault: where, what was found, what was expected, what to do."""
    loc = error["loc"]
    if loc[:1] == ("sizes",) and len(loc) > 2:
        loc = (*loc[:2], *loc[3:])  # without the model's name, by which pydantic tells sizes apart
    at = ".".join(str(part) for part in loc) or "the file"
    told = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"{where}: {at}: missing; add it (profiles/demo.yaml shows a whole file)"
        case "value_error":  # of ours, which says what was found
            return f"{where}: {at}: {told['error']}"
        case "union_tag_invalid":
            known = told["expected_tags"]
            return f"{where}: {at}.name: found {told['tag']!r}, expected one of: {known}"
        case "union_tag_not_found":
            return f"{where}: {at}.name: missing; it says which model the size is of"
    return f"{where}: {at}: found {error['input']!r}; {error['msg']}"


def unknown_keys(kind: Any, value: Any, at: str) -> Iterator[str]:
    """A line for each key that the dataclass it stands in does not have, at any depth."""
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        known = typing.get_type_hints(kind)
        for key, inner in value.items():
            if key in known:
                yield from unknown_keys(known[key], inner, f"{at}{key}.")
            else:
                near = get_close_matches(str(key), known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
                yield f"{at}{key}: unknown key; {hint}"
    elif typing.get_origin(kind) in (dict, Mapping) and isinstance(value, dict):
        for key, inner in value.items():
            yield from unknown_keys(typing.get_args(kind)[1], inner, f"{at}{key}.")
    else:
        for choice in _choices(kind, value):
            yield from unknown_keys(choice, value, at)


def _choices(kind: Any, value: Any) -> Iterator[Any]:
    """The dataclass of X | None, or the one of several that the value's `name` chooses."""
    choices = [c for c in typing.get_args(kind) if dataclasses.is_dataclass(c)]
    name = value.get("name") if isinstance(value, dict) else None
    for choice in choices:
        named = typing.get_args(typing.get_type_hints(choice).get("name"))
        if len(choices) == 1 or name in named:
            yield choice

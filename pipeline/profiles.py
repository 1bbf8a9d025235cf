"""Profiles: whole variants of params.yaml, put in its place by `vcemo profile use`."""

import re
from collections.abc import Iterable
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pipeline import layout
from pipeline.files import appearing
from pipeline.params import ParamsError, read


def names() -> list[str]:
    """The profiles of this project."""
    return sorted(path.stem for path in layout.PROFILES.glob("*.yaml"))


def use(name: str, changes: Iterable[str] = (), out: Path = layout.PARAMS) -> None:
    """Write a profile into params.yaml, comments kept, with `key.of.something=value` changes.

    Raises:
        ParamsError: no such profile, a change that is not `key=value`, or params that do not hold
            together afterwards; params.yaml then stays as it is.
    """
    path = layout.PROFILES / f"{name}.yaml"
    if not path.exists():
        raise ParamsError(f"profile: found {name!r}, expected one of: {', '.join(names())}")
    text = path.read_text(encoding="utf-8")
    changes = tuple(changes)
    if changes or re.search(r"^[^#]*[:\[,-] *[&*]\w", text, re.MULTILINE):
        text = _rewritten(text, changes)
    read(YAML(typ="safe").load(text), f"{path} with --set" if changes else str(path))
    with appearing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _rewritten(text: str, changes: Iterable[str]) -> str:
    yaml = YAML()
    yaml.width = 4096  # leave lines as they are
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), _null)
    document = yaml.load(text)
    for change in changes:
        _apply(document, change)
    document = _spelled_out(document)
    written = StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _apply(document: Any, change: str) -> None:
    key, equals, value = change.partition("=")
    if not (key and equals):
        raise ParamsError(f"--set: found {change!r}, expected key.of.something=value")
    *parents, last = key.split(".")
    for parent in parents:
        if not isinstance(document, dict):
            raise ParamsError(f"--set {change}: {parent!r} is not inside a section")
        if isinstance(document, CommentedMap) and parent not in dict(document.non_merged_items()):
            document[parent] = deepcopy(document.get(parent, {}))  # what it takes over stays as is
        document = document[parent]
    if not isinstance(document, dict):
        raise ParamsError(f"--set {change}: {last!r} is not inside a section")
    try:
        document[last] = YAML(typ="safe").load(value)
    except YAMLError as error:
        raise ParamsError(f"--set {change}: the value is not YAML: {error}") from error


def _spelled_out(node: Any) -> Any:
    """The same without merged keys and aliases: every entry has values of its own.

    `dvc exp run -S` changes values in place, and what two entries share stays as it was.
    """
    whole: CommentedMap | CommentedSeq
    if isinstance(node, CommentedMap):
        whole = CommentedMap({key: _spelled_out(value) for key, value in _merged(node).items()})
    elif isinstance(node, CommentedSeq):
        whole = CommentedSeq(map(_spelled_out, node))
    else:
        return node
    if node.fa.flow_style() is not None:
        (whole.fa.set_flow_style if node.fa.flow_style() else whole.fa.set_block_style)()
    if node.ca.comment or node.ca.end:
        whole.ca.comment, whole.ca.end = node.ca.comment, node.ca.end
    whole.ca.items.update(node.ca.items)
    if isinstance(node, CommentedMap) and node.merge:
        *_, own = [key for key, _ in node.non_merged_items()] or [None]
        if own in whole.ca.items:  # the space behind the entry is kept with its last key
            whole.ca.items[[*whole][-1]] = whole.ca.items.pop(own)
    return whole


def _merged(node: CommentedMap) -> dict[str, Any]:
    """What a section holds, first what it takes from others."""
    merged: dict[str, Any] = {}
    for other in reversed(node.merge):  # of several the first counts
        merged |= _merged(other)
    return merged | dict(node.non_merged_items())


def _null(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")

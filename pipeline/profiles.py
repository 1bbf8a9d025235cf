"""Profiles: whole variants of params.yaml, put in its place by `vcemo profile use`."""

from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
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
    if changes:
        text = _changed(text, changes)
    read(YAML(typ="safe").load(text), f"{path} with --set" if changes else str(path))
    with appearing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _changed(text: str, changes: Iterable[str]) -> str:
    yaml = YAML()
    yaml.width = 4096  # leave lines as they are
    yaml.representer.add_representer(type(None), _null)
    document = yaml.load(text)
    for change in changes:
        _apply(document, change)
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
        document = document.setdefault(parent, {})
    if not isinstance(document, dict):
        raise ParamsError(f"--set {change}: {last!r} is not inside a section")
    try:
        document[last] = YAML(typ="safe").load(value)
    except YAMLError as error:
        raise ParamsError(f"--set {change}: the value is not YAML: {error}") from error


def _null(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")

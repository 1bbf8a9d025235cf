"""Corpora in and out of params.yaml: comments and order stay, and what is wrong is not written."""

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from pipeline import layout
from pipeline.corpora import READERS, CorpusParams, root
from pipeline.files import appearing
from pipeline.params import ParamsError, load, read

SECTION = "corpora"


def enlist(name: str, entry: Mapping[str, Any], path: Path = layout.PARAMS) -> None:
    """Add a corpus to a params file.

    Raises:
        ParamsError: there is one of the name, the name is none, or the entry is wrong. The file
            then stays as it is.
    """
    text = _enlisted(name, entry, path)
    with appearing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def require_free(name: str, path: Path = layout.PARAMS) -> None:
    """Stop before long work for a corpus that could not be enlisted.

    Raises:
        ParamsError: as `enlist`.
    """
    _enlisted(name, {"reader": "table", "path": layout.raw(name).as_posix()}, path)


def link(name: str, place: Path) -> Path:
    """Where the project finds a corpus: `data/raw/<name>`, a link unless it lies in there already.

    Raises:
        ParamsError: nothing is at `place`, or the link's name is taken by something else.
    """
    if not place.exists():
        raise ParamsError(f"{place}: no such file or folder; expected the corpus")
    place = place.resolve()
    here = place.is_relative_to(Path.cwd())
    if here:
        return place.relative_to(Path.cwd())
    folder = place.parent if place.is_file() else place
    at = layout.raw(name)
    if os.path.lexists(at) and not (at.is_symlink() and at.resolve() == folder.resolve()):
        raise ParamsError(f"{at}: is there already; choose another name, or move it away")
    if not os.path.lexists(at):
        at.parent.mkdir(parents=True, exist_ok=True)
        at.symlink_to(folder)
    return at / place.name if place.is_file() else at


def guessed_reader(name: str) -> str:
    """The reader of a corpus that is called like one, else `table`."""
    return name if name in READERS else "table"


def is_here(source: CorpusParams) -> bool:
    """Whether the folder of a corpus is on this machine."""
    return root(source).exists()


def _enlisted(name: str, entry: Mapping[str, Any], path: Path) -> str:
    """The text of the params file with the corpus in it."""
    load(path)  # says what is wrong with it, if anything is
    yaml = YAML()
    yaml.width = 4096  # leave lines as they are
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), _null)
    document = yaml.load(path)
    if document.get(SECTION) is None:
        document[SECTION] = CommentedMap()
    if name in document[SECTION]:
        raise ParamsError(
            f"{path}: there is a corpus {name!r} already; choose another name, or remove that entry"
        )
    document[SECTION][name] = _flow(entry)
    written = StringIO()
    yaml.dump(document, written)
    read(YAML(typ="safe").load(written.getvalue()), str(path))
    return written.getvalue()


def _null(representer: Any, _: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _flow(entry: Mapping[str, Any]) -> CommentedMap:
    """A mapping that is written on one line, as the others in the file are."""
    found = CommentedMap({k: _flow(v) if isinstance(v, Mapping) else v for k, v in entry.items()})
    found.fa.set_flow_style()
    return found

"""The models that params.yaml names: a list of them, and the ways they come to this machine."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import layout
from pipeline.encoders import (
    Encoder,
    EncoderError,
    Kind,
    directory_revision,
    looks_like_a_path,
    resolve,
)
from pipeline.files import appearing_folder
from pipeline.hub import HubError, fetch, repository
from pipeline.params import NAME, Params

_LICENCE = re.compile(r"^license:\s*[\"']?([\w.-]+)", re.MULTILINE)  # at the head of a README.md


class ModelError(ValueError):
    """A model cannot be listed, fetched or imported; the text says why and what to do."""


@dataclass(frozen=True)
class Named:
    """A model as the params name it."""

    setting: str  # as bert.models.zh
    name: str
    kind: Kind
    language: str | None


@dataclass(frozen=True)
class Listed:
    """A named model, and what of it is here."""

    named: Named
    found: Encoder | None  # None: it is not on this machine
    size_bytes: int
    licence: str  # as the model itself tells, "" where it is silent


def named(params: Params) -> Iterator[Named]:
    """Every model that the params name, in their order."""
    for source, whisper in params.asr.sources.items():
        told = None if whisper.language in ("corpus", "detect") else whisper.language
        yield Named(f"asr.sources.{source}.model", whisper.model, "whisper", told)
    for kind, models in (("words", params.words.models), ("bert", params.bert.models)):
        for language, name in models.items():
            told = None if language == "default" else language
            yield Named(f"{kind}.models.{language}", name, kind, told)  # type: ignore[arg-type]


def listed(params: Params) -> list[Listed]:
    """Every model that the params name, found or not; nothing is downloaded."""
    return [_listed(one) for one in named(params)]


def table(models: list[Listed]) -> Any:
    """A rich table of models."""
    from rich.table import Table

    out = Table()
    for name in ("setting", "model", "here", "revision", "size", "licence"):
        out.add_column(name, overflow="fold")
    for one in models:
        here = "yes" if one.found else "no"
        model, _, pinned = one.named.name.partition("@")
        revision = _short(one.found.revision if one.found else pinned or "-")
        size = f"{one.size_bytes / 1e6:,.1f} MB" if one.found else "-"
        licence = one.licence or ("not told" if one.found else "-")
        out.add_row(one.named.setting, model, here, revision, size, licence)
    return out


def _short(revision: str) -> str:
    """The first digits of a commit; the last of a package's version or a folder's hash."""
    return revision[:12] if re.fullmatch("[0-9a-f]{40}", revision) else revision[-12:]


def fetch_missing(params: Params) -> Iterator[str]:
    """Download into data/hub what the params name of the hub; yields a line for each model.

    Raises:
        ModelError: at the end, if some are still missing.
    """
    missing = []
    for one in named(params):
        repo, _, revision = one.name.partition("@")
        try:
            found = _here(one)
            if found is None:
                _refuse_what_no_hub_has(repo, one.kind)
                path = fetch(repository(repo, one.kind), revision or None, one.kind, layout.HUB)
                found = Encoder(one.name, path, path.name)
        except HubError as error:
            missing.append(f"{one.setting}: {one.name}: {error}")
            continue
        of_hub = found.path.parent.name == "snapshots"
        pin = f"; to pin it write {repo}@{found.revision}" if of_hub and not revision else ""
        yield f"{one.setting}: {one.name}: {found.path}, revision {found.revision}{pin}"
    if missing:
        raise ModelError("\n".join(["not fetched:", *missing]))


def _refuse_what_no_hub_has(name: str, kind: Kind) -> None:
    if kind == "words" and name.isidentifier():
        raise HubError(f"a spaCy package: run `python -m spacy download {name}`")
    if looks_like_a_path(name):
        raise HubError("a folder, which no hub has: `vcemo models import DIR NAME` brings one here")


def import_directory(directory: Path, name: str, *, allow_pickle: bool) -> str:
    """Copy a model's directory to data/models/NAME; returns what to write in the params.

    Raises:
        ModelError: it is no model of a kind we know, or the name is taken.
        ValueError: it is broken, or its weights are a pickle and that is not allowed.
    """
    kind = _kind(directory)
    _check_loads(directory, kind, allow_pickle=allow_pickle)
    with _new_model(name) as fresh:
        shutil.copytree(directory, fresh, dirs_exist_ok=True, ignore=_unwanted)
    return _imported(kind, name)


def import_vectors(file: Path, name: str, language: str, made_from: str | None) -> str:
    """Turn a GloVe text file into the spaCy directory data/models/NAME.

    Raises:
        ModelError: the file has no vectors in it, the language is unknown, or the name is taken.
    """
    from features.vectorfile import convert

    with _new_model(name) as fresh:
        words, width = convert(file, fresh, language, made_from or file.name)
    return f"{words} vectors of {width} numbers. {_imported('words', name)}"


def _new_model(name: str) -> Any:
    if not NAME.fullmatch(name):
        raise ModelError(f"NAME: found {name!r}, expected letters, digits, '_' and '-'")
    target = layout.MODELS / name
    if target.exists():
        raise ModelError(
            f"{target}: is there already; take another name, or remove it first "
            "(rows made with it would be computed again)"
        )
    return appearing_folder(target)


def _kind(directory: Path) -> Kind:
    if not directory.is_dir():
        raise ModelError(f"{directory}: no such directory")
    names = {path.name for path in directory.iterdir()}
    if "model.bin" in names:
        return "whisper"
    if "meta.json" in names:
        return "words"
    if "config.json" in names:
        return "bert"
    raise ModelError(
        f"{directory}: no model that we know: expected model.bin (Whisper for CTranslate2), "
        "meta.json (spaCy) or config.json (transformers) in it"
    )


def _check_loads(directory: Path, kind: Kind, *, allow_pickle: bool) -> None:
    """Load it once, so that a broken copy is found now and not by a stage."""
    if kind == "whisper":
        from features.whisper.model import open_model

        open_model(directory, "float32", "cpu")
    elif kind == "words":
        from features import words

        words.load(directory, None, "model")
    else:
        from features import bert

        bert.load(directory, allow_pickle=allow_pickle)


def _imported(kind: Kind, name: str) -> str:
    path = layout.MODELS / name
    where = "asr.sources.SOURCE.model" if kind == "whisper" else f"{kind}.models.LANGUAGE"
    revision = directory_revision(path)
    return f"{path}: {kind}, content {revision}; in params.yaml: {where}: {path}"


def _unwanted(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(".") or name == "__pycache__"]


def _listed(one: Named) -> Listed:
    found = _here(one)
    if found is None:
        return Listed(one, None, 0, "")
    files = [path for path in found.path.rglob("*") if path.is_file()]
    return Listed(one, found, sum(p.stat().st_size for p in files), _licence(found.path))


def _here(one: Named) -> Encoder | None:
    try:
        return resolve(one.name, one.kind, one.language, one.setting, download=False)
    except EncoderError:
        return None


def _licence(path: Path) -> str:
    meta = path / "meta.json"
    if meta.is_file():
        return str(json.loads(meta.read_text(encoding="utf-8")).get("license") or "")
    readme = path / "README.md"
    told = _LICENCE.search(readme.read_text(encoding="utf-8")) if readme.is_file() else None
    return told[1] if told else ""

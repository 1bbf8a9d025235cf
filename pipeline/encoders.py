"""From a model's name in params.yaml to the directory that holds it and a revision of its content.

A name is a local directory, an installed spaCy package (words), a Whisper size (whisper), or a
Hugging Face hub name `org/name`, with `@revision` to pin a branch, tag or commit. The revision goes
into the row keys: another model, other rows.
"""

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.hub import HubError, fetch, here, repository
from pipeline.hub import Kind as Kind


@dataclass(frozen=True)
class Encoder:
    """A model that is on this machine."""

    name: str  # as params.yaml has it
    path: Path  # directory
    revision: str  # content hash, package version and hash, or commit of the hub


class EncoderError(ValueError):
    """No model is named for a language, or it is not on this machine and cannot be fetched."""


def choose(models: Mapping[str, str], language: str | None, setting: str) -> tuple[str, str]:
    """The model's name for a language, else the default's, and the setting that holds it.

    >>> choose({"zh": "data/models/zh", "default": "org/multi"}, "en", "bert.models")
    ('org/multi', 'bert.models.default')
    """
    key = language if language in models else "default"
    if key is None or key not in models:
        remedy = f"add `{language}: MODEL` or `default: MODEL` under {setting}"
        if language is None:
            remedy = f"give the corpus a `language`, or add `default: MODEL` under {setting}"
        raise EncoderError(
            f"{setting} has no model for language {_named(language)} and no default: "
            f"{remedy} in params.yaml"
        )
    return models[key], f"{setting}.{key}"


def resolve(
    name: str, kind: Kind, language: str | None, setting: str, *, download: bool = True
) -> Encoder:
    """Find a model by its name; `language` and `setting` (as `bert.models.zh`) serve the error.

    EncoderError, which says how to supply the model, if it is neither here nor can be fetched.
    """
    directory = Path(name).expanduser()
    if directory.is_dir():
        return Encoder(name, directory, directory_revision(directory))
    reason = "no such directory"
    if kind == "words" and name.isidentifier():
        package = _spacy_package(name)
        if package is not None:
            return package
        reason = "no such directory, no such spaCy package"
    elif not looks_like_a_path(name):
        repo, _, revision = name.partition("@")
        try:
            wanted = repository(repo, kind), revision or None, kind
            snapshot = fetch(*wanted) if download else here(*wanted)
        except HubError as error:
            reason = f"no such directory, not in the Hugging Face cache, no download ({error})"
            raise EncoderError(_missing(name, kind, language, setting, reason)) from error
        return Encoder(name, snapshot, snapshot.name)
    raise EncoderError(_missing(name, kind, language, setting, reason))


def directory_revision(directory: Path) -> str:
    """Hash (BLAKE2b, 32 hex digits) of the relative paths and bytes of all files in a directory.

    Hidden files and `__pycache__` do not count: downloads leave notes with times in them there.
    """
    blake2b = functools.partial(hashlib.blake2b, digest_size=16)
    total = blake2b()
    for relative, file in sorted(
        (f.relative_to(directory).as_posix(), f) for f in _files(directory)
    ):
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, blake2b).hexdigest()
        total.update(json.dumps([relative, digest]).encode())
    return total.hexdigest()


def _files(directory: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(directory, followlinks=True):
        folders[:] = [f for f in folders if not f.startswith(".") and f != "__pycache__"]
        yield from (Path(root, name) for name in names if not name.startswith("."))


def _spacy_package(name: str) -> Encoder | None:
    """An installed model package, found without importing it (which would import spaCy)."""
    spec = importlib.util.find_spec(name)
    meta = Path(spec.origin).parent / "meta.json" if spec and spec.origin else None
    if meta is None or not meta.is_file():
        return None
    facts = json.loads(meta.read_text(encoding="utf-8"))
    content = hashlib.blake2b(meta.read_bytes(), digest_size=16).hexdigest()
    data = meta.parent / f"{facts['lang']}_{facts['name']}-{facts['version']}"
    return Encoder(name, data, f"{name}-{importlib.metadata.version(name)}-{content}")


def looks_like_a_path(name: str) -> bool:
    """Whether a model's name can be no name on the hub."""
    return name.startswith((".", "~")) or Path(name).is_absolute() or name.count("/") > 1


def _named(language: str | None) -> str:
    return repr(language) if language else "(not known)"


def _missing(name: str, kind: Kind, language: str | None, setting: str, reason: str) -> str:
    """The one message for a model that is not here."""
    where = f"for language {language!r}" if language else "for any language"
    repo, _, revision = name.partition("@")
    target = f"data/models/{repo.rstrip('/').rpartition('/')[2]}"
    return (
        f"the {kind} model {name!r} {where} ({setting} in params.yaml) is not on this machine: "
        f"{reason}.\nSupply it in one of these ways:\n"
        f"  - put the model's directory under data/models/ and set {setting}: {target}\n"
        f"  - {_other_way(repo, revision, kind, target)}"
    )


def _other_way(repo: str, revision: str, kind: Kind, target: str) -> str:
    if kind == "words" and repo.isidentifier():
        return f"install the package: `python -m spacy download {repo}`, or pip install its wheel"
    if looks_like_a_path(repo):
        return "correct the path: it is read from the project's root"
    pin = f" --revision {revision}" if revision else ""
    return (
        f"on a machine with a network run `hf download {repository(repo, kind)}{pin} "
        f"--local-dir {target}`, and copy that directory here"
    )

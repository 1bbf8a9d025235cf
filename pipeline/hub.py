"""Models of the Hugging Face hub: the cache first, the network only for what the cache lacks."""

from contextlib import suppress
from pathlib import Path
from typing import Literal

from pipeline import layout

Kind = Literal["whisper", "words", "bert"]

_TOLD = ("README.md", "LICENSE*")  # for the licence
# The file sets to fetch, first choice first: pickled weights only where there are no others.
_PATTERNS: dict[Kind, tuple[tuple[str, ...], ...]] = {
    "whisper": (("*.json", "model.bin", "vocabulary.*", *_TOLD),),
    "words": (("*.json", "*.cfg", "vocab/*", "tokenizer*", *_TOLD),),
    "bert": (
        ("*.json", "*.txt", "*.model", "*.safetensors", *_TOLD),
        ("*.json", "*.txt", "*.model", "pytorch_model*.bin", *_TOLD),
    ),
}
# A model is whole if it has one file of each of these.
_NEEDED: dict[Kind, tuple[tuple[str, ...], ...]] = {
    "whisper": (("model.bin",),),
    "words": (("meta.json",),),
    "bert": (("config.json",), ("*.safetensors", "pytorch_model*.bin")),
}


class HubError(Exception):
    """The hub cannot give a model; the text is the reason, in one line."""


def here(repo: str, revision: str | None, kind: Kind) -> Path:
    """Directory of a hub model in the project's cache or the user's; its name is the commit.

    HubError if it is in neither.
    """
    for cache in (layout.HUB, None):
        cached = _cached(repo, revision, kind, cache)
        if cached is not None:
            return cached
    raise HubError("not in data/hub, not in the Hugging Face cache")


def fetch(repo: str, revision: str | None, kind: Kind, into: Path | None = None) -> Path:
    """As `here`; a model that is not there is downloaded `into` a cache, None for the user's.

    A cached model is used without asking the network whether its branch has moved on, so that a run
    changes only when params change; pin a revision to say which one is meant. HubError if the model
    is not in the cache and cannot be downloaded.
    """
    with suppress(HubError):
        return here(repo, revision, kind)
    try:
        return _downloaded(repo, revision, kind, into)
    except HubError:
        raise
    except Exception as error:
        # Errors of its HTTP library come through too; which one that is, its version decides.
        reason = str(error).strip() or type(error).__name__
        raise HubError(reason.splitlines()[0].rstrip(".")) from error


def repository(name: str, kind: Kind) -> str:
    """Hub name behind a Whisper size such as "small"; any other name as it is."""
    if kind != "whisper" or "/" in name:
        return name
    from faster_whisper.utils import _MODELS

    return str(_MODELS.get(name, name))


def _cached(repo: str, revision: str | None, kind: Kind, cache: Path | None) -> Path | None:
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return _snapshot(repo, revision, kind, cache, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _downloaded(repo: str, revision: str | None, kind: Kind, into: Path | None) -> Path:
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT

    # The download itself sets no timeout for its first request, and would hang behind a firewall.
    HfApi().model_info(repo, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT)
    snapshot = _snapshot(repo, revision, kind, into, local_files_only=False)
    if snapshot is None:
        lacks = " and ".join(" or ".join(names) for names in _NEEDED[kind])
        raise HubError(f"the hub's {repo} is no {kind} model (expected {lacks} in it)")
    return snapshot


def _snapshot(
    repo: str, revision: str | None, kind: Kind, cache: Path | None, *, local_files_only: bool
) -> Path | None:
    """The snapshot's directory, None if files that the kind needs are not in it."""
    from huggingface_hub import snapshot_download

    for patterns in _PATTERNS[kind]:
        path = Path(
            snapshot_download(
                repo,
                revision=revision,
                cache_dir=cache,
                allow_patterns=list(patterns),
                local_files_only=local_files_only,
            )
        )
        if all(any(any(path.glob(n)) for n in names) for names in _NEEDED[kind]):
            return path
    return None

"""Models of the Hugging Face hub: the cache first, the network only for what the cache lacks."""

from pathlib import Path
from typing import Literal

Kind = Literal["whisper", "words", "bert"]

# The file sets to fetch, first choice first: pickled weights only where there are no others.
_PATTERNS: dict[Kind, tuple[tuple[str, ...], ...]] = {
    "whisper": (
        ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
    ),
    "words": (("*.json", "*.cfg", "vocab/*", "tokenizer*"),),
    "bert": (
        ("*.json", "*.txt", "*.model", "*.safetensors"),
        ("*.json", "*.txt", "*.model", "pytorch_model*.bin"),
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


def fetch(repo: str, revision: str | None, kind: Kind) -> Path:
    """Directory of a hub model in the cache, downloaded if it is not there; its name is the commit.

    A cached model is used without asking the network whether its branch has moved on, so that a run
    changes only when params change; pin a revision to say which one is meant. HubError if the model
    is not in the cache and cannot be downloaded.
    """
    cached = _cached(repo, revision, kind)
    if cached is not None:
        return cached
    try:
        return _downloaded(repo, revision, kind)
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


def _cached(repo: str, revision: str | None, kind: Kind) -> Path | None:
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return _snapshot(repo, revision, kind, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None


def _downloaded(repo: str, revision: str | None, kind: Kind) -> Path:
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_ETAG_TIMEOUT

    # The download itself sets no timeout for its first request, and would hang behind a firewall.
    HfApi().model_info(repo, revision=revision, timeout=HF_HUB_ETAG_TIMEOUT)
    snapshot = _snapshot(repo, revision, kind, local_files_only=False)
    if snapshot is None:
        lacks = " and ".join(" or ".join(names) for names in _NEEDED[kind])
        raise HubError(f"the hub's {repo} is no {kind} model (expected {lacks} in it)")
    return snapshot


def _snapshot(
    repo: str, revision: str | None, kind: Kind, *, local_files_only: bool
) -> Path | None:
    """The snapshot's directory, None if files that the kind needs are not in it."""
    from huggingface_hub import snapshot_download

    for patterns in _PATTERNS[kind]:
        path = Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=list(patterns),
                local_files_only=local_files_only,
            )
        )
        if all(any(any(path.glob(n)) for n in names) for names in _NEEDED[kind]):
            return path
    return None

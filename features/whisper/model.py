"""A Whisper in memory: whisper-ctranslate2 loads it, and what cannot work is refused before."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILES = ("model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True, eq=False)
class Whisper:
    """A loaded model, and how to load it once more."""

    model: Any  # faster_whisper.WhisperModel
    path: Path
    compute_type: str
    device: str

    def sampler(self, seed: int) -> Any:
        """The weights loaded anew (CTranslate2's Whisper), random numbers drawn from `seed`.

        CTranslate2 seeds its generator when a model starts its thread, and never again: only a
        fresh model draws numbers that do not depend on what was sampled before.
        """
        import ctranslate2

        ctranslate2.set_random_seed(seed)
        kind, number = _kind_and_number(self.device)
        return ctranslate2.models.Whisper(
            str(self.path),
            device=kind,
            device_index=number,
            compute_type=self.compute_type,
            intra_threads=1,
        )

    @functools.cache  # noqa: B019  # models live as long as the process
    def tokenizer(self, language: str) -> Any:
        """Whisper's tokenizer with the prompt of a language."""
        from faster_whisper.tokenizer import Tokenizer

        multilingual = self.model.model.is_multilingual
        return Tokenizer(self.model.hf_tokenizer, multilingual, "transcribe", language)

    @functools.cached_property
    def suppressed(self) -> list[int]:
        """Tokens that stand for no speech, as faster-whisper suppresses by default."""
        from faster_whisper.transcribe import get_suppressed_tokens

        return [*get_suppressed_tokens(self.tokenizer("en"), [-1])]


def load(path: Path, compute_type: str, *, device: str = "cpu") -> Whisper:
    """Load a local CTranslate2 Whisper directory; `device` is "cpu", or "cuda:1" for one GPU.

    ValueError if files are missing or broken, or the device does not know the compute type.
    """
    return Whisper(open_model(path, compute_type, device), path, compute_type, device)


def open_model(path: Path, compute_type: str, device: str) -> Any:
    """As `load`, each time anew; returns faster-whisper's WhisperModel.

    One thread on a CPU is the rule because sums in another order give other last bits (and
    processes scale better).
    """
    _check_directory(path)
    kind, number = _kind_and_number(device)
    _check_compute_type(compute_type, kind)
    from whisper_ctranslate2.transcribe import Transcribe

    try:
        loaded = Transcribe(
            model_path=str(path),
            device=kind,
            device_index=number,
            compute_type=compute_type,
            threads=1,
            cache_directory=None,
            local_files_only=True,
            batched=False,
        )
    except Exception as error:  # CTranslate2 and tokenizers raise what they like for broken files
        raise ValueError(f"asr: the model {path} cannot be loaded on {device}: {error}") from error
    _check_parts(path, loaded.model)
    return loaded.model


def check_language(whisper: Whisper, told: str | None) -> None:
    """ValueError for a language that the model does not know.

    faster-whisper would only warn, and transcribe as if it were English.
    """
    if told is None or told in whisper.model.supported_languages:
        return
    known = "Whisper's language codes" if whisper.model.model.is_multilingual else "English only"
    raise ValueError(
        f"asr: the model {whisper.path} cannot transcribe language {told!r}: it knows {known}; "
        "choose a multilingual model, or set the source's language"
    )


def _check_directory(path: Path) -> None:
    missing = [name for name in _FILES if not (path / name).is_file()]
    if missing:
        raise ValueError(
            f"asr: {path} is no Whisper model in CTranslate2's format (it lacks "
            f"{', '.join(missing)}): make one with `ct2-transformers-converter --model MODEL "
            "--output_dir DIRECTORY --copy_files tokenizer.json preprocessor_config.json`"
        )
    for name in ("config.json", "preprocessor_config.json"):
        file = path / name
        try:  # faster-whisper would go on without its number of mel bands
            json.loads(file.read_text(encoding="utf-8") if file.is_file() else "{}")
        except ValueError as error:
            raise ValueError(f"asr: {file} is no JSON: {error}; copy the model again") from error


def _check_parts(path: Path, model: Any) -> None:
    """Refuse files of another model, which would be found out in the midst of the first window."""
    found, expected = len(model.feature_extractor.mel_filters), model.model.n_mels
    if found != expected:
        raise ValueError(
            f"asr: the front end of {path} has {found} mel bands, its model expects {expected}: "
            "copy preprocessor_config.json of the same model beside it"
        )
    if model.hf_tokenizer.token_to_id("<|notimestamps|>") is None:
        raise ValueError(
            f"asr: {path / 'tokenizer.json'} is no tokenizer of Whisper (it knows no "
            "<|notimestamps|>): copy that of the same model beside it"
        )


def _kind_and_number(device: str) -> tuple[str, int]:
    kind, _, number = device.partition(":")
    return kind, int(number or 0)


def _check_compute_type(compute_type: str, device: str) -> None:
    import ctranslate2

    try:
        supported = sorted(ctranslate2.get_supported_compute_types(device))
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"asr: device {device!r} cannot be used: {error}") from error
    # "default" and "auto" are refused too: the text would depend on the machine, not on the params.
    if compute_type not in supported:
        raise ValueError(
            f"asr: compute_type {compute_type!r} cannot be used on device {device!r}: "
            f"expected one of {', '.join(supported)}; it is part of the rows' key, so no other is "
            "taken in its place"
        )

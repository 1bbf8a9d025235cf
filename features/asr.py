"""Speech to text by Whisper: whisper-ctranslate2 loads the model, faster-whisper runs it.

One utterance at a time. No threshold drops a doubtful text: its scores are stored beside it, and
who reads the store decides. Text is kept as the model wrote it (features/text.py normalises it for
scoring).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000  # what Whisper's front end is made for
_MODEL_FILES = ("model.bin", "config.json", "tokenizer.json")


@dataclass(frozen=True)
class WhisperParams:
    """Parameters of one ASR text source."""

    model: str  # directory in CTranslate2's format, size ("small", "large-v3") or hub name
    compute_type: str  # float32, int8, ... as CTranslate2 names them; changes the result
    beam_size: int  # 1 = greedy
    language: str  # "corpus" (the utterance's own, detected where unknown), "detect", or ISO 639-1
    initial_prompt: str | None  # text that the model takes for what was said before


@dataclass(frozen=True)
class Transcript:
    """One utterance's text. Scores are None where the model found no text to score."""

    text: str
    language: str
    language_probability: float | None  # None where the language was told, not detected
    avg_logprob: float | None  # natural log, per token
    no_speech_prob: float | None
    compression_ratio: float | None
    temperature: float


def transcribe(
    x: NDArray[np.float32], model: Any, params: WhisperParams, language: str | None
) -> Transcript:
    """Transcribe one utterance of 16 kHz mono samples; `language` is the corpus's own, if known.

    Shape: x [T] -> one Transcript. More than 30 s are read window by window (each on its own): the
    text is joined, each score is that of its worst window. Empty text is valid.
    ValueError for audio or a language that the model cannot take. The result is deterministic.
    """
    _check_audio(x)
    told = _told_language(params, language)
    _check_language(model, told)
    segments, info = model.transcribe(
        x.astype(np.float32, copy=False),
        language=told,
        beam_size=params.beam_size,
        initial_prompt=params.initial_prompt,
        temperature=0.0,
        without_timestamps=True,
        condition_on_previous_text=False,
        vad_filter=False,
        no_speech_threshold=None,
        log_prob_threshold=None,
        compression_ratio_threshold=None,
    )
    probability = None if told else float(info.language_probability)
    return _transcript(list(segments), info.language, probability)


@functools.cache
def load(path: Path, compute_type: str, *, device: str = "cpu", cpu_threads: int = 1) -> Any:
    """Load a local CTranslate2 Whisper directory; returns faster-whisper's WhisperModel.

    One thread is the rule because sums in another order give other last bits (and processes scale
    better). ValueError if files are missing or the device does not know the compute type.
    """
    _check_directory(path)
    _check_compute_type(compute_type, device)
    from whisper_ctranslate2.transcribe import Transcribe

    try:
        loaded = Transcribe(
            model_path=str(path),
            device=device,
            device_index=0,
            compute_type=compute_type,
            threads=cpu_threads,
            cache_directory=None,
            local_files_only=True,
            batched=False,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ValueError(f"asr: the model {path} cannot be loaded on {device}: {error}") from error
    return loaded.model


def _check_directory(path: Path) -> None:
    missing = [name for name in _MODEL_FILES if not (path / name).is_file()]
    if missing:
        raise ValueError(
            f"asr: {path} is no Whisper model in CTranslate2's format (it lacks "
            f"{', '.join(missing)}): make one with `ct2-transformers-converter --model MODEL "
            "--output_dir DIRECTORY --copy_files tokenizer.json preprocessor_config.json`"
        )


def _check_compute_type(compute_type: str, device: str) -> None:
    import ctranslate2  # type: ignore[import-untyped, unused-ignore]

    try:
        supported = sorted(ctranslate2.get_supported_compute_types(device))
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"asr: device {device!r} cannot be used: {error}") from error
    # "default" and "auto" are refused too: the text would depend on the machine, not on the params.
    if compute_type not in supported:
        raise ValueError(
            f"asr: compute_type {compute_type!r} cannot be used on device {device!r}: "
            f"expected one of {', '.join(supported)}"
        )


def _check_audio(x: NDArray[np.float32]) -> None:
    if x.ndim != 1:
        raise ValueError(
            f"asr: audio has shape {x.shape}: expected one channel [T]; mix the channels down first"
        )
    if x.size == 0:
        raise ValueError("asr: audio is empty: expected at least one sample")
    if not np.isfinite(x).all():
        bad = int(np.count_nonzero(~np.isfinite(x)))
        raise ValueError(
            f"asr: {bad} of {x.size} samples are NaN or infinite: expected finite ones"
        )


def _told_language(params: WhisperParams, language: str | None) -> str | None:
    """The language to tell the model, None to let it detect one."""
    if params.language == "corpus":
        return language
    return None if params.language == "detect" else params.language


def _check_language(model: Any, told: str | None) -> None:
    # faster-whisper would only warn, and transcribe as if it were English.
    if told is None or told in model.supported_languages:
        return
    known = "English only" if not model.model.is_multilingual else "Whisper's language codes"
    raise ValueError(
        f"asr: the model cannot transcribe language {told!r}: it knows {known}; "
        "choose a multilingual model, or set the source's language"
    )


def _transcript(segments: Sequence[Any], language: str, probability: float | None) -> Transcript:
    """Join the windows; each score is the least trustworthy one, so that filters catch it."""
    return Transcript(
        text="".join(segment.text for segment in segments).strip(),
        language=language,
        language_probability=probability,
        avg_logprob=min((float(s.avg_logprob) for s in segments), default=None),
        no_speech_prob=max((float(s.no_speech_prob) for s in segments), default=None),
        compression_ratio=max((float(s.compression_ratio) for s in segments), default=None),
        temperature=0.0,
    )

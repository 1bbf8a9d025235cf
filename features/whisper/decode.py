"""Decoding windows of sound with Whisper, many at a time, each as if it were alone.

The parts of faster-whisper's model are driven here, not its `transcribe`: that encodes a window
once more to tell its language, always in 30 s, and lets the word times of a batch lean on the
window before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np

from features.whisper.model import Whisper
from features.whisper.params import DoubtParams, WhisperParams
from features.whisper.windows import SAMPLE_RATE_HZ, Samples

_OPENING = "\"'“¿([{-"  # punctuation that belongs to the word after it, as Whisper has it,
_CLOSING = "\"'.。,，!！?？:：”)]}、"  # and to the word before it
_DIGITS = 4  # of scores: below that they tell of batch sizes and processors, not of speech
_HELPLESS = "no_speech"  # the doubt that decoding again cannot lift


@dataclass(frozen=True)
class Word:
    """A word and when it is said."""

    word: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True)
class Heard:
    """What was heard in one window."""

    text: str
    tokens: tuple[int, ...]
    language: str
    language_probability: float | None  # None from a model that knows one language
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    doubts: tuple[str, ...]
    retried: bool = False
    words: tuple[Word, ...] | None = None


def decode(
    windows: Sequence[Samples], whisper: Whisper, params: WhisperParams, told: Sequence[str | None]
) -> list[Heard]:
    """Decode windows in one batch; a doubted one again by itself, sampling at rising temperature.

    Shape: n windows [T_i], T_i <= window_s; `told` has the language of each, None to detect it.
    """
    encoded = whisper.model.encode(_features(windows, whisper, params))
    languages = _languages(encoded, whisper, told)
    prompts = [_prompt(whisper, language, params.initial_prompt) for language, _ in languages]
    results = whisper.model.model.generate(
        encoded, prompts, beam_size=params.beam_size, patience=1, **_always(whisper)
    )
    heard = [
        _read(result, whisper, language, 0.0, params.doubt)
        for result, language in zip(results, languages, strict=True)
    ]
    for i, first in enumerate(heard):
        alone = _row(encoded, i) if first.doubts or params.word_times else None
        if first.doubts and params.doubt.temperatures:
            heard[i] = _again(first, windows[i], alone, prompts[i], whisper, params.doubt)
        if params.word_times:
            words = _words(heard[i], alone, len(windows[i]), whisper)
            heard[i] = replace(heard[i], words=words)
    return heard


def _features(windows: Sequence[Samples], whisper: Whisper, params: WhisperParams) -> Any:
    """Whisper's log-mel of each window, filled up with zeros: [n, mels, frames]."""
    from faster_whisper.audio import pad_or_trim

    front = whisper.model.feature_extractor
    frames = round(params.window_s * SAMPLE_RATE_HZ) // front.hop_length
    return np.stack([pad_or_trim(front(x)[..., :-1], frames) for x in windows])


def _languages(
    encoded: Any, whisper: Whisper, told: Sequence[str | None]
) -> list[tuple[str, float | None]]:
    """Language of each window: the one told, else the likeliest; and how likely it is."""
    if not whisper.model.model.is_multilingual:
        return [("en", None)] * len(told)
    found = []
    for language, ranked in zip(told, whisper.model.model.detect_language(encoded), strict=True):
        likely = {token[2:-2]: probability for token, probability in ranked}  # of <|zh|>
        chosen = language or next(iter(likely))
        found.append((chosen, round(likely[chosen], _DIGITS)))
    return found


def _prompt(whisper: Whisper, language: str, initial: str | None) -> list[int]:
    tokenizer = whisper.tokenizer(language)
    before = tokenizer.encode(initial) if initial else []
    prompt: list[int] = whisper.model.get_prompt(tokenizer, before, without_timestamps=True)
    return prompt


def _always(whisper: Whisper) -> dict[str, Any]:
    return {
        "max_length": whisper.model.max_length,
        "return_scores": True,
        "return_no_speech_prob": True,
        "suppress_blank": True,
        "suppress_tokens": whisper.suppressed,
    }


def _read(
    result: Any,
    whisper: Whisper,
    language: tuple[str, float | None],
    temperature: float,
    doubt: DoubtParams,
) -> Heard:
    from faster_whisper.transcribe import get_compression_ratio

    tokens = result.sequences_ids[0]
    text = whisper.tokenizer(language[0]).decode(tokens)
    summed = result.scores[0] * len(tokens) if tokens else result.scores[0]
    heard = Heard(
        text=text,
        tokens=tuple(tokens),
        language=language[0],
        language_probability=language[1],
        avg_logprob=round(summed / (len(tokens) + 1), _DIGITS),  # the end's token counts
        no_speech_prob=round(result.no_speech_prob, _DIGITS),
        compression_ratio=round(get_compression_ratio(text.strip()), _DIGITS),
        temperature=temperature,
        doubts=(),
    )
    return replace(heard, doubts=doubts(heard, doubt))


def doubts(heard: Heard, params: DoubtParams) -> tuple[str, ...]:
    """Why a text is doubted; () if it is not."""
    found = {
        "empty": not heard.text.strip(),
        "low_logprob": heard.avg_logprob < params.min_avg_logprob,
        "repetitive": heard.compression_ratio > params.max_compression_ratio,
        _HELPLESS: heard.no_speech_prob > params.max_no_speech_prob,
    }
    return tuple(reason for reason, holds in found.items() if holds)


def _again(
    first: Heard,
    window: Samples,
    encoded: Any,
    prompt: list[int],
    whisper: Whisper,
    params: DoubtParams,
) -> Heard:
    """Sample a window at rising temperatures, until nothing is doubted that could be better.

    If all are doubted: the likeliest of those with the fewest doubts. The random numbers are
    drawn from the sound, so its text is the same on any day and beside any other.
    """
    seed = int.from_bytes(blake2b(window.tobytes(), digest_size=4).digest(), "little") >> 1
    sampler = whisper.sampler(seed)
    language = (first.language, first.language_probability)
    tries = [first]
    for temperature in params.temperatures:
        (result,) = sampler.generate(
            encoded,
            [prompt],
            beam_size=1,
            num_hypotheses=params.best_of,
            sampling_topk=0,
            sampling_temperature=temperature,
            **_always(whisper),
        )
        tries.append(_read(result, whisper, language, temperature, params))
        if not {*tries[-1].doubts} - {_HELPLESS}:
            break
    best = min(tries, key=lambda heard: (len(heard.doubts), -heard.avg_logprob))
    return replace(best, retried=True)


def _row(encoded: Any, i: int) -> Any:
    """One window of an encoded batch, on the CPU, whence CTranslate2 takes it back by itself."""
    import ctranslate2

    if encoded.shape[0] == 1:
        return encoded
    here = encoded.to_device(ctranslate2.Device.cpu)
    if here.dtype == ctranslate2.DataType.bfloat16:  # numpy has none
        here = here.to(ctranslate2.DataType.float32)
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.asarray(here)[i : i + 1]))


def _words(heard: Heard, encoded: Any, samples: int, whisper: Whisper) -> tuple[Word, ...]:
    """The words of a window with their times in it, by Whisper's cross-attention."""
    duration_s = samples / SAMPLE_RATE_HZ
    segment = {"seek": 0, "tokens": [*heard.tokens], "start": 0.0, "end": duration_s, "words": []}
    frames = -(-samples // whisper.model.feature_extractor.hop_length)
    tokenizer = whisper.tokenizer(heard.language)
    whisper.model.add_word_timestamps(
        [[segment]], tokenizer, encoded, [max(frames, 2)], _OPENING, _CLOSING, 0.0
    )
    found: Any = segment["words"]
    return tuple(
        Word(
            word=word["word"].strip(),
            start_s=min(float(word["start"]), duration_s),
            end_s=min(float(word["end"]), duration_s),
            probability=round(float(word["probability"]), _DIGITS),
        )
        for word in found
        if word["word"].strip()
    )

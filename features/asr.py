"""Speech to text by Whisper: whisper-ctranslate2 loads the model, its parts decode in batches.

An utterance's row depends on its sound, the model and the parameters alone: not on the batch, the
number of workers, or what was heard before. A text that is doubted is decoded again and kept with
its scores all the same; who reads the store decides what to trust. Text is kept as the model wrote
it (features/text.py normalises it for scoring).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from features.whisper.decode import Heard, Word, decode
from features.whisper.model import Whisper, check_language
from features.whisper.params import WhisperParams
from features.whisper.windows import SAMPLE_RATE_HZ, Samples, Windows, cut


@dataclass(frozen=True)
class Transcript:
    """One utterance's text. Scores are None where no speech was found to listen to, and that of the
    language from a model that knows English alone."""

    text: str
    language: str | None
    language_probability: float | None  # near 0: another is spoken than was told
    avg_logprob: float | None  # natural log, per token
    no_speech_prob: float | None
    compression_ratio: float | None
    temperature: float | None
    audio_s: float
    doubts: tuple[str, ...]  # what is doubtful about it: empty, low_logprob, repetitive, no_speech
    retried: bool  # it was doubted at temperature 0 and decoded again
    words: tuple[Word, ...] | None  # times in the utterance; None unless asked for


def transcribe(
    sounds: Sequence[Samples],
    whisper: Whisper,
    params: WhisperParams,
    languages: Sequence[str | None],
    *,
    batch_size: int = 1,
) -> list[Transcript]:
    """Transcribe utterances of 16 kHz mono samples; `languages` are the corpus's own, if known.

    Shape: n sounds [T_i] -> n Transcripts. A sound longer than the window is cut where it is
    quiet, and its text joined again; each score is that of its worst window. A language that is
    not told is that of the first window. `batch_size` (windows at a time) changes no text.
    ValueError for audio or a language that the model cannot take.
    """
    told = [told_language(params, language) for language in languages]
    for x, language in zip(sounds, told, strict=True):
        _check_audio(x)
        check_language(whisper, language)
    windows = [cut(x, params.window_s, params.vad) for x in sounds]
    owners = [i for i, found in enumerate(windows) if found.pieces]
    firsts = _decode_each(
        [windows[i].pieces[0] for i in owners],
        [told[i] for i in owners],
        whisper,
        params,
        batch_size,
    )
    heard = {i: [first] for i, first in zip(owners, firsts, strict=True)}
    rest = [(i, piece) for i in owners for piece in windows[i].pieces[1:]]
    others = _decode_each(
        [piece for _, piece in rest],
        [heard[i][0].language for i, _ in rest],
        whisper,
        params,
        batch_size,
    )
    for (i, _), other in zip(rest, others, strict=True):
        heard[i].append(other)
    return [
        _join(heard.get(i, []), windows[i], len(x) / SAMPLE_RATE_HZ, told[i], params)
        for i, x in enumerate(sounds)
    ]


def told_language(params: WhisperParams, language: str | None) -> str | None:
    """The language to tell the model of an utterance of `language`; None to let it detect one."""
    if params.language == "corpus":
        return language
    return None if params.language == "detect" else params.language


def _decode_each(
    pieces: Sequence[Samples],
    told: Sequence[str | None],
    whisper: Whisper,
    params: WhisperParams,
    batch_size: int,
) -> Iterator[Heard]:
    for start in range(0, len(pieces), batch_size):
        some = slice(start, start + batch_size)
        yield from decode(pieces[some], whisper, params, told[some])


def _join(
    heard: Sequence[Heard],
    windows: Windows,
    audio_s: float,
    told: str | None,
    params: WhisperParams,
) -> Transcript:
    """Join the windows; each score is the least trustworthy one, so that filters catch it."""
    text = "".join(h.text for h in heard).strip()
    doubts = dict.fromkeys(reason for h in heard for reason in h.doubts if reason != "empty")
    return Transcript(
        text=text,
        language=heard[0].language if heard else told,
        language_probability=heard[0].language_probability if heard else None,
        avg_logprob=min((h.avg_logprob for h in heard), default=None),
        no_speech_prob=max((h.no_speech_prob for h in heard), default=None),
        compression_ratio=max((h.compression_ratio for h in heard), default=None),
        temperature=max((h.temperature for h in heard), default=None),
        audio_s=audio_s,
        doubts=(*doubts,) if text else ("empty", *doubts),
        retried=any(h.retried for h in heard),
        words=_words(heard, windows) if params.word_times else None,
    )


def _words(heard: Sequence[Heard], windows: Windows) -> tuple[Word, ...]:
    return tuple(
        replace(
            word,
            start_s=windows.in_sound_s(piece, word.start_s),
            end_s=windows.in_sound_s(piece, word.end_s),
        )
        for piece, h in enumerate(heard)
        for word in h.words or ()
    )


def _check_audio(x: Samples) -> None:
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

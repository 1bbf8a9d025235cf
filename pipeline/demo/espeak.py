"""espeak-ng through ctypes: a text, a voice and its prosody in, samples out.

The library keeps state from one text to the next (the same text twice differs in its samples), so
each text is spoken by a process of its own. Interface: speak_lib.h of espeak-ng 1.52.
"""

import ctypes
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 22050

# enumerations of speak_lib.h
_OUTPUT_SYNCHRONOUS = 2
_NEVER_EXIT = 0x8000
_POSITION_CHARACTER = 1
_TEXT_UTF8 = 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4

_OnSamples: Any = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p
)  # samples, how many, events


@dataclass(frozen=True)
class Prosody:
    """How a text is spoken, in espeak's own units."""

    rate_wpm: int  # words per minute, at least 80
    pitch: int  # 0..100, 50 is the voice's own
    range: int  # of the pitch, 0 (monotone)..100, 50 is the voice's own
    volume: int  # 0..200, 100 is full


@dataclass(frozen=True)
class Speech:
    """One text to be spoken."""

    text: str
    voice: str  # language+variant, for example en-us+f2
    prosody: Prosody


class MissingExtraError(ValueError):
    """The installation lacks an extra that what the user asked for needs."""


def require_espeak() -> Any:
    """The module `espeakng_loader`, or an error that says how to install it."""
    try:
        import espeakng_loader
    except ImportError as error:
        raise MissingExtraError(
            "the demo corpus is spoken by espeak-ng, but the package espeakng_loader is not "
            "installed; install the extra: pip install 'vcemo[demo]'"
        ) from error
    return espeakng_loader


def speak(speech: Speech) -> bytes:
    """The samples of a text, 22.05 kHz int16 mono; to be called once in the life of a process.

    Raises:
        RuntimeError: espeak refuses the voice, a parameter or the text, or gives no sound.
    """
    loader = require_espeak()
    library = ctypes.CDLL(loader.get_library_path())
    data = str(loader.get_data_path()).encode()
    rate_hz = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data, _NEVER_EXIT)
    if rate_hz != SAMPLE_RATE_HZ:
        raise RuntimeError(f"espeak starts at {rate_hz} Hz; expected {SAMPLE_RATE_HZ} Hz")
    chunks: list[bytes] = []

    def keep(samples: int | None, count: int, _events: int | None) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0  # go on

    on_samples = _OnSamples(keep)  # held in a name: the library does not keep it alive
    library.espeak_SetSynthCallback(on_samples)
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath and flutter
    _set(library.espeak_SetVoiceByName, speech, speech.voice.encode())
    settings = zip((_RATE, _PITCH, _RANGE, _VOLUME), astuple(speech.prosody), strict=True)
    for parameter, value in settings:
        _set(library.espeak_SetParameter, speech, parameter, value, 0)
    text = speech.text.encode() + b"\0"
    call = (text, len(text), 0, _POSITION_CHARACTER, 0, _TEXT_UTF8, None, None)
    _set(library.espeak_Synth, speech, *call)
    if not any(chunks):
        raise RuntimeError(f"espeak gives no sound for {speech}")
    return b"".join(chunks)


def _set(function: Callable[..., int], speech: Speech, *arguments: object) -> None:
    status = function(*arguments)
    if status != 0:
        raise RuntimeError(f"espeak answers {status} to {arguments} for {speech}")


def speak_each(speeches: Sequence[Speech], processes: int) -> Iterator[NDArray[np.int16]]:
    """The samples of every text, in order, each spoken by a fresh process.

    The result does not depend on the number of processes, nor on what else is in the list.

    Shape:
        yields: (samples,) int16 at 22.05 kHz
    """
    require_espeak()  # say it here, not in every child
    context = multiprocessing.get_context("fork" if hasattr(os, "fork") else "spawn")
    with context.Pool(processes, maxtasksperchild=1) as pool:
        for samples in pool.imap(speak, speeches, chunksize=1):
            yield np.frombuffer(samples, dtype="<i2")

"""The embedded demo corpus: 480 synthetic utterances, labelled by prosody and words together."""

import csv
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.backends import default_workers
from pipeline.demo.espeak import SAMPLE_RATE_HZ, Speech, speak_each
from pipeline.demo.sentences import PAIRS, VALENCES, sentence
from pipeline.demo.speakers import Speaker, prosody, speakers
from pipeline.files import appearing_folder

LABELS = {
    ("high", "negative"): "angry",
    ("high", "positive"): "happy",
    ("low", "negative"): "sad",
    ("low", "positive"): "neutral",
}
TABLE = "metadata.csv"
_PAIRS_EACH = PAIRS // 12  # of one speaker; no sentence has two speakers

_README = """\
# The demo corpus

480 utterances made by espeak-ng, a rule-based speech synthesiser: 24 voices, Mandarin and English.

**This is synthetic prosody, not emotion.** Nobody felt or acted anything. "High arousal" is a fast,
high, lively and loud setting of the synthesiser, "low arousal" a slow, low, flat and quiet one; the
valence is in two words of each sentence. A score on this corpus says that the programs work, and
nothing about how well any model recognises the emotions of people.

| label | arousal (prosody) | valence (words) |
|---|---|---|
| angry | high | negative |
| happy | high | positive |
| sad | low | negative |
| neutral | low | positive |

Every sentence is spoken once with high and once with low arousal, and every positive sentence has a
negative twin that sounds like it: in Mandarin the two are homophones (又优又雅, 又忧又哑), in
English they are made of the same stems and endings (hopeful and painless, hopeless and painful). So
the words alone, or the audio alone, reach an unweighted average recall of about 0.5; both together
can reach 1. Speakers and sentences of `val` and `test` do not occur in `train`; single words do.

`metadata.csv` has one row per utterance. `rate_wpm`, `pitch`, `range` and `volume` are the settings
of the synthesiser. The text encoders that come with the demo are untrained too (random vectors).

espeak-ng is free software under the GPL, version 3 or later; only the generator of this corpus
loads it.
"""


@dataclass(frozen=True)
class Line:
    """One utterance of the demo corpus: what is said, by whom, and how."""

    path: str
    speaker: Speaker
    label: str
    speech: Speech

    def row(self) -> dict[str, str | int]:
        """The line of the corpus table."""
        return {
            "path": self.path,
            "speaker": self.speaker.name,
            "gender": self.speaker.gender,
            "language": self.speaker.language,
            "transcript": self.speech.text,
            "label": self.label,
            "split": self.speaker.split,
            "voice": self.speech.voice,
            **vars(self.speech.prosody),
        }


def script() -> list[Line]:
    """All utterances, by speaker, pair of sentences, valence and arousal; no sound is made."""
    return [
        _line(speaker, _PAIRS_EACH * speaker.number + nth, arousal, valence)
        for speaker in speakers()
        for nth in range(_PAIRS_EACH)
        for valence in VALENCES
        for arousal in ("high", "low")
    ]


def _line(speaker: Speaker, pair: int, arousal: str, valence: str) -> Line:
    label = LABELS[arousal, valence]
    text = sentence(speaker.language, pair, valence)
    return Line(
        path=f"wav/{speaker.name}/{speaker.name}-{pair:02d}-{label}.wav",
        speaker=speaker,
        label=label,
        speech=Speech(text, speaker.voice, prosody(speaker, text, arousal)),
    )


def make_corpus(out: Path) -> None:
    """Write the demo corpus: `wav/`, `metadata.csv` and `README.md`, the same bytes on every build.

    Raises:
        MissingExtraError: espeak-ng is not installed.
        RuntimeError: an utterance came out silent or clipped.
    """
    with appearing_folder(out) as folder:
        write_corpus(script(), folder, processes=default_workers())


def write_corpus(lines: Sequence[Line], folder: Path, processes: int) -> None:
    """Write these utterances into an existing folder; the bytes do not depend on `processes`."""
    sound = speak_each([line.speech for line in lines], processes)
    for line, samples in zip(lines, sound, strict=True):
        _check_level(line, samples)
        _write_wav(folder / line.path, samples)
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(lines[0].row()), lineterminator="\n")
        table.writeheader()
        table.writerows(line.row() for line in lines)
    (folder / "README.md").write_text(_README, encoding="utf-8")


def _check_level(line: Line, samples: NDArray[np.int16]) -> None:
    peak = int(np.abs(samples.astype(np.int32)).max())
    if not 1000 <= peak <= 32000:  # -30 dB to -0.2 dB below full scale
        raise RuntimeError(f"{line.path}: peak {peak} of 32767; expected 1000..32000: {line}")


def _write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", "not compressed"))
        file.writeframes(samples.astype("<i2").tobytes())

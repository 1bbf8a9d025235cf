"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song.

North American English, 24 actors, two sentences, eight emotions in two intensities, 48 kHz. Layout
of `Audio_Speech_Actors_01-24.zip`: `Actor_12/03-01-06-01-02-01-12.wav`, seven numbers: modality
(03 audio), channel (01 speech, 02 song), emotion, intensity, sentence, repetition, actor (odd
numbers are men). The archive of songs may lie in the same folders; its style is `song`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="RAVDESS",
    citation="S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional "
    "Speech and Song (RAVDESS). PLoS ONE 13(5), 2018. doi:10.1371/journal.pone.0196391",
    licence=Licence(name="CC BY-NC-SA 4.0", free=True),
    home="https://zenodo.org/records/1188976",
    languages=("en",),
    labels="ravdess",
    utterances=1440,
    speakers=24,
    access="Free download from Zenodo.",
    archives=(
        Archive(
            url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
            name="Audio_Speech_Actors_01-24.zip",
            digest="md5:bc696df654c87fed845eb13823edef8a",
            size=208_468_073,
        ),
    ),
)
STYLES = {"01": "acted", "02": "song"}
INTENSITIES = {"01": "normal", "02": "strong"}
SENTENCES = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
NAME = re.compile(r"03-(0[12])-(0[1-8])-(0[12])-(0[12])-0[12]-(0[1-9]|1\d|2[0-4])\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of RAVDESS, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of RAVDESS, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "Actor_12/03-01-06-01-02-01-12.wav")
    for file, match in found.named:
        channel, emotion, intensity, sentence, actor = match.groups()
        yield Utterance(
            path=file,
            speaker=actor,
            gender="male" if int(actor) % 2 else "female",
            language="en",
            transcript=SENTENCES[sentence],
            sentence=sentence,
            style=STYLES[channel],
            intensity=INTENSITIES[intensity],
            raw_label=emotion,
        )
    yield from found.rejects

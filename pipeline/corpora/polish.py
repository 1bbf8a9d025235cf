"""Emotions in Polish speech recordings (Gdańsk University of Technology).

Five young men, six words said five times in three emotional states, 44.1 kHz. Layout: one folder
of files like `m1.a_nie_2.wav`: speaker, emotion (a anger, s fear, n neutral), word, repetition. As
nkululeko and EmoBox describe and list it; its home page could not be asked for the licence.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="Emotions in Polish speech recordings",
    citation="M. Miesikowska, D. Swisulski: Emotions in Polish speech recordings. Gdańsk "
    "University of Technology, 2020. doi:10.34808/h46c-hb44",
    licence=Licence(name="not known here: its home page states it", free=True),
    home="https://mostwiedzy.pl/en/open-research-data/"
    "emotions-in-polish-speech-recordings,11190523461146169-0",
    languages=("pl",),
    labels="polish",
    utterances=450,
    speakers=5,
    access="Free download from its home page.",
)
WORDS = ("nie", "oddaj", "podaj", "stop", "tak", "trzymaj")
NAME = re.compile(rf"(m[1-5])\.([asn])_({'|'.join(WORDS)})_(\d+)\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of the corpus, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of it, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "m1.a_nie_2.wav")
    for file, match in found.named:
        speaker, emotion, word, _ = (part.lower() for part in match.groups())
        yield Utterance(
            path=file,
            speaker=speaker,
            gender="male",
            language="pl",
            transcript=word,
            sentence=word,
            style="acted",
            raw_label=emotion,
        )
    yield from found.rejects

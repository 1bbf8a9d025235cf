"""Emotions in Polish speech recordings (Gdańsk University of Technology).

Five speakers, three emotional states, 450 recordings. Layout: one folder of files like
`f1.a_2_3.wav`: speaker (f or m and a number), emotion (a anger, s fear, n neutral), sentence,
repetition. Assumed from the way other toolkits read it; its description is in Polish prose only.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.corpora.values import gender
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="Emotions in Polish speech recordings",
    citation="M. Miesikowska, D. Swisulski: Emotions in Polish speech recordings. Gdańsk "
    "University of Technology, 2020. doi:10.34808/h46c-hm13",
    licence=Licence(name="as its home page states", free=True),
    home="https://mostwiedzy.pl/en/open-research-data/"
    "emotions-in-polish-speech-recordings,11190523461146169-0",
    languages=("pl",),
    labels="polish",
    utterances=450,
    speakers=5,
    access="Free download from its home page.",
)
NAME = re.compile(r"([fm]\w*)\.([asn])\w*?_(\w+?)_(\w+)\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of the corpus, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of it, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "f1.a_2_3.wav")
    for file, match in found.named:
        speaker, emotion, sentence, _ = match.groups()
        yield Utterance(
            path=file,
            speaker=speaker,
            gender=gender(speaker[0]),
            language="pl",
            sentence=sentence,
            style="acted",
            raw_label=emotion.lower(),
        )
    yield from found.rejects

"""TESS, the Toronto Emotional Speech Set.

English, two actresses of 26 and 64 years, 200 words in the frame "Say the word ...", seven
emotions. Layout: `OAF_angry/OAF_back_angry.wav`: actress (OAF the older, YAF the younger), word,
emotion (`ps`: pleasant surprise). One recording of the full set is called `OA_bite_neutral.wav`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="TESS",
    citation="M. K. Pichora-Fuller, K. Dupuis: Toronto emotional speech set (TESS). University of "
    "Toronto, Borealis, 2020. doi:10.5683/SP2/E8H2MF",
    licence=Licence(name="CC BY-NC-ND 4.0", free=True),
    home="https://doi.org/10.5683/SP2/E8H2MF",
    languages=("en",),
    labels="tess",
    utterances=2800,
    speakers=2,
    access="Free download from Borealis.",
    archives=(
        Archive(
            url="https://borealisdata.ca/api/access/dataset/:persistentId/"
            "?persistentId=doi:10.5683/SP2/E8H2MF",
            name="tess.zip",
            fixed=False,
        ),
    ),
)
AGES = {"O": 64, "Y": 26}
NAME = re.compile(r"(O|Y)AF?_(\w+)_(angry|disgust|fear|happy|neutral|ps|sad)\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of TESS, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of TESS, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "OAF_angry/OAF_back_angry.wav")
    for file, match in found.named:
        actress, word, emotion = match.groups()
        yield Utterance(
            path=file,
            speaker=f"{actress.upper()}AF",
            gender="female",
            age=AGES[actress.upper()],
            language="en",
            transcript=f"Say the word {word.lower()}.",
            sentence=word.lower(),
            style="acted",
            raw_label=emotion.lower(),
        )
    yield from found.rejects

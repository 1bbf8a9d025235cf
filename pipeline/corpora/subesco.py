"""SUBESCO, the SUST Bangla Emotional Speech Corpus.

Twenty actors, ten sentences, seven emotions, five takes each, 48 kHz. Layout: one folder of files
like `F_02_MONIKA_S_1_NEUTRAL_5.wav`: gender, number and name of the speaker, sentence, emotion,
take. One recording of the full set is called `F_02_MONIKA_S_2_SURPRISE_3].wav`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.corpora.values import gender
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="SUBESCO",
    citation="S. Sultana, M. S. Rahman, M. R. Selim, M. Z. Iqbal: SUST Bangla Emotional Speech "
    "Corpus (SUBESCO). PLoS ONE 16(4), 2021. doi:10.1371/journal.pone.0250173",
    licence=Licence(name="CC BY 4.0", free=True),
    home="https://zenodo.org/records/4526477",
    languages=("bn",),
    labels="subesco",
    utterances=7000,
    speakers=20,
    access="Free download from Zenodo.",
    archives=(
        Archive(
            url="https://zenodo.org/records/4526477/files/SUBESCO.zip",
            name="SUBESCO.zip",
            digest="md5:13d702cf944bf54d70d66bffc036ed7a",
            size=1_664_512_929,
        ),
    ),
)
EMOTIONS = "ANGRY|DISGUST|FEAR|HAPPY|NEUTRAL|SAD|SURPRISE"
NAME = re.compile(rf"([MF])_(\d+)_([^/_]+)_S_(\d+)_({EMOTIONS})_\d+\]?\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of SUBESCO, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of SUBESCO, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "F_02_MONIKA_S_1_NEUTRAL_5.wav")
    for file, match in found.named:
        sex, number, name, sentence, emotion = (part.upper() for part in match.groups())
        yield Utterance(
            path=file,
            speaker=f"{sex}_{number}_{name}",
            gender=gender(sex),
            language="bn",
            sentence=sentence,
            style="acted",
            raw_label=emotion,
        )
    yield from found.rejects

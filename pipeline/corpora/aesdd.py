"""AESDD, the Acted Emotional Speech Dynamic Database.

Greek, five actors (six in the version that is downloaded now), about twenty sentences, five
emotions. Layout: `Acted Emotional Speech Dynamic Database/anger/a01 (1).wav`: emotion, sentence,
speaker in brackets; some are written `f10 (01).wav`, `s05(5).wav` or, said twice,
`a06 (5)b.wav`. Genders are not told by the files and stay unknown.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="AESDD",
    citation="N. Vryzas, R. Kotsakis, A. Liatsou, C. A. Dimoulas, G. Kalliris: Speech Emotion "
    "Recognition for Performance Interaction. Journal of the Audio Engineering Society 66(6), "
    "2018.",
    licence=Licence(name="free for research", free=True),
    home="http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/",
    languages=("el",),
    labels="aesdd",
    utterances=604,
    speakers=6,
    access="Free download by the link on its home page.",
)
NAME = re.compile(r"([adfhs])(\d\d)\s?\(0?(\d)\)\w?\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of AESDD, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of AESDD, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "anger/a01 (1).wav")
    for file, match in found.named:
        emotion, sentence, speaker = match.groups()
        yield Utterance(
            path=file,
            speaker=speaker,
            language="el",
            sentence=sentence,
            style="acted",
            raw_label=emotion.lower(),
        )
    yield from found.rejects

"""SAVEE, Surrey Audio-Visual Expressed Emotion.

British English, four male speakers, seven emotions, 44.1 kHz. Layout: `AudioData/DC/sa03.wav`:
speaker DC, the third sentence of sadness. The neutral ones are thirty, of the others fifteen each;
most sentences belong to one emotion, so a sentence's id is emotion and number. The packing with
all in one folder (`DC_sa03.wav`) is read as well.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="SAVEE",
    citation="S. Haq, P. J. B. Jackson: Speaker-dependent audio-visual emotion recognition. "
    "International Conference on Auditory-Visual Speech Processing, 2009.",
    licence=Licence(name="research only, on registration", free=False),
    home="http://kahlan.eps.surrey.ac.uk/savee",
    languages=("en",),
    labels="savee",
    utterances=480,
    speakers=4,
    access="Register at its home page.",
)
NAME = re.compile(r"(DC|JE|JK|KL)[/_](a|d|f|h|n|sa|su)(\d\d)\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of SAVEE, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of SAVEE, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "AudioData/DC/sa03.wav")
    for file, match in found.named:
        speaker, emotion, number = match.groups()
        yield Utterance(
            path=file,
            speaker=speaker.upper(),
            gender="male",
            language="en",
            sentence=f"{emotion.lower()}{number}",
            style="acted",
            raw_label=emotion.lower(),
        )
    yield from found.rejects

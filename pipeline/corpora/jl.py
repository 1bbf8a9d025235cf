"""JL, the JL Corpus of emotional New Zealand English.

Four speakers, five primary emotions and five secondary ones. Layout: `Raw JL corpus (unchecked and
unannotated)/JL(wav+txt)/female1_angry_10a_1.wav` and beside it `female1_angry_10a_1.txt` with the
text: speaker, emotion, sentence with its session (a, b), repetition.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, labelfile, tree
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="JL-Corpus",
    citation="J. James, L. Tian, C. Watson: An Open Source Emotional Speech Corpus for Human Robot "
    "Interaction Applications. Interspeech 2018.",
    licence=Licence(name="CC0", free=True),
    home="https://www.kaggle.com/datasets/tli725/jl-corpus",
    languages=("en",),
    labels="jl",
    utterances=2400,
    speakers=4,
    access="Free download from Kaggle, which asks for an account.",
)
EMOTIONS = "angry|anxious|apologetic|assertive|concerned|encouraging|excited|happy|neutral|sad"
NAME = re.compile(rf"((fe)?male[12])_({EMOTIONS})_(\d+)[ab]_\d\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of the JL corpus, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of it, or a text cannot be decoded.
    """
    found = tree.recordings(path, NAME, "JL(wav+txt)/female1_angry_10a_1.wav")
    for file, match in found.named:
        speaker, female, emotion, _ = match.groups()
        text = (path / file).with_suffix(".txt")
        lines = labelfile.lines(text, "cp1252") if text.is_file() else []
        yield Utterance(
            path=file,
            speaker=speaker.lower(),
            gender="female" if female else "male",
            language="en",
            transcript=" ".join(line for _, line in lines) or None,
            style="acted",
            raw_label=emotion.lower(),
        )
    yield from found.rejects

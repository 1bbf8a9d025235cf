"""Emo-DB, the Berlin Database of Emotional Speech (Burkhardt et al., Interspeech 2005).

German, ten actors, ten fixed sentences, seven emotions, 16 kHz mono. Layout: `<root>/wav/*.wav`,
named like `03a01Fa.wav`: speaker 03, sentence a01, emotion F (Freude), take a.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.listing.utterance import Utterance

SPEAKERS = {  # number -> gender, age in years
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
NAME = re.compile(
    rf"wav/({'|'.join(SPEAKERS)})({'|'.join(SENTENCES)})([WLEAFTN])[a-z]\.wav", re.IGNORECASE
)
CARD = CorpusCard(
    title="Emo-DB",
    citation="F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss: A Database of German "
    "Emotional Speech. Interspeech 2005.",
    licence=Licence(name="free to use", free=True),
    home="http://emodb.bilderbar.info",
    languages=("de",),
    labels="emodb",
    utterances=535,
    speakers=10,
    access="Free download from its home page.",
    archives=(
        Archive(
            url="http://emodb.bilderbar.info/download/download.zip",
            name="download.zip",
            size=40_567_066,
        ),
    ),
)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of Emo-DB, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of Emo-DB, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "wav/03a01Fa.wav")
    for file, match in found.named:
        speaker, sentence, emotion = match.groups()
        gender, age = SPEAKERS[speaker]
        yield Utterance(
            path=file,
            speaker=speaker,
            gender=gender,
            age=age,
            language="de",
            transcript=SENTENCES[sentence.lower()],
            sentence=sentence.lower(),
            style="acted",
            raw_label=emotion.upper(),
        )
    yield from found.rejects

"""Emo-DB, the Berlin Database of Emotional Speech (Burkhardt et al., Interspeech 2005).

German, ten actors, ten fixed sentences, seven emotions, 16 kHz mono. Layout: `<root>/wav/*.wav`,
named like `03a01Fa.wav`: speaker 03, sentence a01, emotion F, take a.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusError, CorpusParams
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.listing.utterance import Utterance

SPEAKERS = {  # number -> gender, age in years
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 35),
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
FILE_NAME = re.compile(
    rf"({'|'.join(SPEAKERS)})({'|'.join(SENTENCES)})([WLEAFTN])([a-z])\.wav", re.IGNORECASE
)

EXPECTED = (
    f"expected speaker ({', '.join(SPEAKERS)}), sentence ({', '.join(SENTENCES)}), emotion "
    "(W, L, E, A, F, T, N) and take (a to z), as in 03a01Fa.wav; rename or remove the file"
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
        Archive(url="http://emodb.bilderbar.info/download/download.zip", name="download.zip"),
    ),
)
MAX_NAMED = 10  # of files, in one line of the log

log = logging.getLogger(__name__)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of Emo-DB in the order of their file names.

    Fewer files than the full corpus has are logged and accepted: parts of it are in use. Recordings
    with other names are yielded with their `fault`; files of other kinds are named in the log.

    Raises:
        CorpusError: `path` has no folder `wav`.
    """
    folder = path / "wav"
    if not folder.is_dir():
        raise CorpusError(
            f"{path}: found no folder 'wav', expected Emo-DB as it is unpacked; "
            "let `path` name the folder that holds 'wav'"
        )
    files = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    recordings = [name for name in files if name.lower().endswith(".wav")]
    if others := sorted(set(files) - set(recordings)):
        first = ", ".join(others[:MAX_NAMED])
        log.warning("%s: left out %d that are no .wav file: %s", folder, len(others), first)
    for name in recordings:
        match = FILE_NAME.fullmatch(name)
        if match is None:
            yield Utterance(path=f"wav/{name}", fault=f"found the file name {name}, {EXPECTED}")
            continue
        speaker, sentence, emotion, _ = match.groups()
        gender, age = SPEAKERS[speaker]
        yield Utterance(
            path=f"wav/{name}",
            speaker=speaker,
            gender=gender,
            age=age,
            language="de",
            transcript=SENTENCES[sentence.lower()],
            sentence=sentence.lower(),
            style="acted",
            raw_label=emotion.upper(),
        )

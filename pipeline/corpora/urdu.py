"""URDU, emotional Urdu speech from talk shows.

Four hundred clips. Layout: `Angry/SM1_F01_A001.wav` in one of the folders Angry, Happy, Neutral
and Sad: S, gender and number of the speaker, file, emotion and number. Folder and letter must
agree.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.corpora.values import gender
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="URDU",
    citation="S. Latif, A. Qayyum, M. Usman, J. Qadir: Cross Lingual Speech Emotion Recognition: "
    "Urdu vs. Western Languages. International Conference on Frontiers of Information Technology, "
    "2018.",
    licence=Licence(name="free for research", free=True),
    home="https://github.com/siddiquelatif/URDU-Dataset",
    languages=("ur",),
    labels="urdu",
    utterances=400,
    speakers=29,
    access="Free download from GitHub.",
    archives=(
        Archive(
            url="https://github.com/siddiquelatif/URDU-Dataset/archive/refs/heads/master.zip",
            name="URDU-Dataset-master.zip",
            fixed=False,
        ),
    ),
)
NAME = re.compile(r"(Angry|Happy|Neutral|Sad)/(S([MF])\d+)_F\d+_([AHNS])\d+\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of URDU, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of URDU, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "Angry/SM1_F01_A001.wav")
    for file, match in found.named:
        folder, speaker, sex, letter = match.groups()
        if folder[0].upper() != letter.upper():
            fault = f"found the letter {letter} in the folder {folder}; move or rename the file"
            yield Utterance(path=file, fault=fault)
            continue
        yield Utterance(
            path=file,
            speaker=speaker.upper(),
            gender=gender(sex),
            language="ur",
            style="spontaneous",
            raw_label=folder.capitalize(),
        )
    yield from found.rejects

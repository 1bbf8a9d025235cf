"""ESD, the Emotional Speech Dataset.

Ten Mandarin (0001 to 0010) and ten English speakers, 350 sentences each in five emotions, 16 kHz.
Layout: `0011/0011.txt` with lines `0011_000351<tab>text<tab>Angry`, and
`0011/Angry/train/0011_000421.wav`. Recent packings leave out the folders train, evaluation and
test; the official parts are then told by the number within the emotion: 20 evaluation (the split
`val`), 30 test, 300 train. Text files are in UTF-8, UTF-16 or GBK, depending on the speaker.
Genders are those that the sources at hand agree on; of 0012 and 0019 they do not.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, labelfile, tree
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="ESD",
    citation="K. Zhou, B. Sisman, R. Liu, H. Li: Emotional Voice Conversion: Theory, Databases and "
    "ESD. Speech Communication 137, 2022. doi:10.1016/j.specom.2021.11.006",
    licence=Licence(name="research only, on request", free=False),
    home="https://hltsingapore.github.io/ESD/",
    languages=("zh", "en"),
    labels="esd",
    utterances=35000,
    speakers=20,
    access="Sign the licence form on its home page.",
)
WOMEN = {1, 2, 3, 7, 9, 15, 16, 17, 18}
MEN = {4, 5, 6, 8, 10, 11, 13, 14, 20}
PARTS = {"train": "train", "evaluation": "val", "test": "test"}
EACH, EVALUATION, TEST = 350, 20, 50  # sentences of an emotion; the parts end at these
NAME = re.compile(
    r"(00[01]\d|0020)/(Angry|Happy|Neutral|Sad|Surprise)/(?:(train|evaluation|test)/)?"
    r"\1_(\d{6})\.wav",
    re.I,
)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of ESD, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of ESD, or a speaker's text file is missing or damaged.
    """
    found = tree.recordings(path, NAME, "0011/Angry/train/0011_000421.wav")
    texts: dict[str, str] = {}
    for folder in sorted({_folder(file, match) for file, match in found.named}):
        texts |= _texts(path / folder / f"{Path(folder).name}.txt")
    for file, match in found.named:
        speaker, emotion, part, number = match.groups()
        yield Utterance(
            path=file,
            speaker=speaker,
            gender=_gender(int(speaker)),
            language="zh" if int(speaker) <= 10 else "en",
            transcript=texts.get(f"{speaker}_{number}"),
            sentence=f"{'zh' if int(speaker) <= 10 else 'en'}-{(int(number) - 1) % EACH + 1}",
            style="acted",
            raw_label=emotion.capitalize(),
            split=PARTS[part.lower()] if part else _part(int(number)),
        )
    yield from found.rejects


def _folder(file: str, match: re.Match[str]) -> str:
    """The folder of a recording's speaker."""
    return file[: match.end(1)]


def _texts(file: Path) -> dict[str, str]:
    """Id -> sentence, from a speaker's text file."""
    parts = (line.split("\t") for _, line in labelfile.lines(file, labelfile.CHINESE))
    return {part[0].strip(): part[1].strip() for part in parts if len(part) > 1}


def _gender(speaker: int) -> str | None:
    return "female" if speaker in WOMEN else "male" if speaker in MEN else None


def _part(number: int) -> str:
    place = (number - 1) % EACH
    return "val" if place < EVALUATION else "test" if place < TEST else "train"

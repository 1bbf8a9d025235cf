"""ShEMO, the Sharif Emotional Speech Database.

Persian, 87 speakers of radio plays, five emotions and neutral, 3000 utterances. Layout:
`female/F01A01.wav`, `male/M24N03.wav`: gender and number of the speaker, emotion (A anger, F fear,
H happiness, N neutral, S sadness, W surprise), number. Transcripts, where wanted, come from
`shemo.json` (or `modified_shemo.json`) of the corpus's second repository, beside the folders: an
object of id and `transcript`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, labelfile, tree, values
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="ShEMO",
    citation="O. Mohamad Nezami, P. Jamshid Lou, M. Karami: ShEMO: a large-scale validated "
    "database for Persian speech emotion detection. Language Resources and Evaluation 53(1), 2019. "
    "doi:10.1007/s10579-018-9427-x",
    licence=Licence(name="free for academic use", free=True),
    home="https://github.com/mansourehk/ShEMO",
    languages=("fa",),
    labels="shemo",
    utterances=3000,
    speakers=87,
    access="Free download by the links on its home page.",
    archives=(
        Archive(
            url="https://www.dropbox.com/s/42okby6c40w3j2x/female.zip?dl=1",
            name="female.zip",
            folder="female",
        ),
        Archive(
            url="https://www.dropbox.com/s/5ebs8hq1zm0qkp6/male.zip?dl=1",
            name="male.zip",
            folder="male",
        ),
        Archive(
            url="https://github.com/pariajm/sharif-emotional-speech-dataset/raw/master/shemo.json",
            name="shemo.json",
            fixed=False,
            unpack=False,
        ),
    ),
    marks=("female", "male"),
)
TEXTS = ("modified_shemo.json", "shemo.json")
NAME = re.compile(r"(([FM])\d\d)([AFHNSW])\d+\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of ShEMO, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of ShEMO, or its texts cannot be read.
    """
    found = tree.recordings(path, NAME, "female/F01A01.wav")
    texts = _texts(path)
    for file, match in found.named:
        speaker, sex, emotion = match.groups()
        yield Utterance(
            path=file,
            speaker=speaker.upper(),
            gender=values.gender(sex),
            language="fa",
            transcript=texts.get(Path(file).stem.upper()),
            style="acted",
            raw_label=emotion.upper(),
        )
    yield from found.rejects


def _texts(root: Path) -> dict[str, str | None]:
    """Id -> transcript; nothing where the file was not fetched."""
    file = next((root / name for name in TEXTS if (root / name).is_file()), None)
    if file is None:
        return {}
    texts: dict[str, str | None] = {}
    for name, facts in labelfile.document(file).items():
        labelfile.require(file, None, facts, "transcript")
        texts[name.upper()] = labelfile.value(file, None, facts, "transcript", values.text)
    return texts

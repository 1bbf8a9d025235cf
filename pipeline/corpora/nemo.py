"""nEMO, emotional speech in Polish.

Nine actors, ninety sentences, six states. Layout of the repository: `data.tsv` (file_id, emotion,
raw_text, normalized_text, speaker_id, gender, age) and `samples/SB0_anger_1.wav`: speaker,
emotion, sentence.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora import CorpusParams, labelfile, values
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="nEMO",
    citation="I. Christop: nEMO: Dataset of Emotional Speech in Polish. LREC-COLING 2024.",
    licence=Licence(name="CC BY-NC-SA 4.0", free=True),
    home="https://github.com/amu-cai/nEMO",
    languages=("pl",),
    labels="nemo",
    utterances=4481,
    speakers=9,
    access="Free download from GitHub.",
    archives=(
        Archive(
            url="https://github.com/amu-cai/nEMO/archive/refs/heads/main.zip",
            name="nEMO-main.zip",
            fixed=False,
        ),
    ),
    listed=True,
    marks=("data.tsv",),
)
COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id")


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of nEMO in the order of its table.

    Raises:
        CorpusError: the table is missing or damaged.
    """
    file = path / "data.tsv"
    for line, row in labelfile.rows(file, *COLUMNS):
        name = labelfile.needed(file, line, row, "file_id", values.path)
        yield Utterance(
            path=f"samples/{name}",
            speaker=labelfile.value(file, line, row, "speaker_id", values.text),
            gender=labelfile.value(file, line, row, "gender", values.gender),
            age=labelfile.value(file, line, row, "age", values.whole),
            language="pl",
            transcript=labelfile.value(file, line, row, "raw_text", values.text),
            sentence=PurePosixPath(name).stem.rpartition("_")[2],
            style="acted",
            raw_label=labelfile.value(file, line, row, "emotion", values.text),
        )

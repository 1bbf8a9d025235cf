"""MER2023, the corpus of the first Multimodal Emotion Recognition challenge.

Mandarin, clips of films and series, six emotions and a valence from -5 to 5. Layout:
`mer2023train/train-label.csv` (name, discrete, valence) and `mer2023train/train/<name>.avi` (or
.mp4); `test-labels/test1-label.csv` to `test3-label.csv` and `test1/`, `test2/`, `test3/`, beside
`mer2023train` or in it. All three are the split `test`, and the session says which. Speakers are
not told. Transcripts come from `transcription-engchi-polish.csv` (name, chinese) beside them, where
it is. Assumed from the way EmoBox reads it; the clips of the semi-supervised track have no labels
and are left out.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora import CorpusError, CorpusParams, labelfile, tree, values
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="MER2023",
    citation="Z. Lian, H. Sun, L. Sun, et al.: MER 2023: Multi-label Learning, Modality "
    "Robustness, and Semi-Supervised Learning. ACM Multimedia 2023. doi:10.1145/3581783.3612836",
    licence=Licence(name="end user licence, research only", free=False),
    home="http://merchallenge.cn/datasets",
    languages=("zh",),
    labels="mer2023",
    utterances=5030,
    speakers=None,
    access="Sign the licence on its home page and send it to the organisers.",
    dimensions=(-5, 5),
    listed=True,
    marks=("mer2023train", "test-labels"),
)
PARTS = {  # split and session: table, folder of clips
    ("train", "train"): ("mer2023train/train-label.csv", "mer2023train/train"),
    ("test", "test1"): ("test-labels/test1-label.csv", "test1"),
    ("test", "test2"): ("test-labels/test2-label.csv", "test2"),
    ("test", "test3"): ("test-labels/test3-label.csv", "test3"),
}
TEXTS = "transcription-engchi-polish.csv"


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of MER2023, part by part, in the order of its tables.

    Raises:
        CorpusError: the table of no part is there, or one is damaged.
    """
    if not any((path / table).is_file() for table, _ in PARTS.values()):
        raise CorpusError(
            f"{path}: found none of {', '.join(t for t, _ in PARTS.values())}; let `path` name the "
            "folder that holds mer2023train and test-labels"
        )
    clips = {_place(file): file for file in tree.files(path) if tree.is_sound(file)}
    texts = _texts(path / TEXTS)
    for (split, session), (table, folder) in PARTS.items():
        file = path / table
        for line, row in labelfile.rows(file, "name", "discrete") if file.is_file() else []:
            name = labelfile.needed(file, line, row, "name", values.path)
            yield Utterance(
                path=clips.get((PurePosixPath(folder).name, name), f"{folder}/{name}.avi"),
                language="zh",
                session=session,
                transcript=texts.get(name),
                style="acted",
                raw_label=labelfile.value(file, line, row, "discrete", values.text),
                valence=labelfile.value(file, line, row, "valence", values.number),
                split=split,
            )


def _place(file: str) -> tuple[str, str]:
    """The folder and the name of a clip."""
    place = PurePosixPath(file)
    return place.parent.name, place.stem


def _texts(file: Path) -> dict[str, str | None]:
    """Clip -> transcript; nothing where the table was not fetched."""
    rows = labelfile.rows(file, "name", "chinese") if file.is_file() else []
    return {
        labelfile.needed(file, line, row, "name", values.text): labelfile.value(
            file, line, row, "chinese", values.text
        )
        for line, row in rows
    }

"""MSP-Podcast: spontaneous speech of podcasts.

English, ratings by many raters in ten classes and three dimensions from 1 to 7. Layout:
`Labels/labels_consensus.csv` (older releases: `labels_concensus.csv`) with FileName, EmoClass,
EmoAct, EmoVal, EmoDom, SpkrID, Gender, Split_Set; `Labels/labels_detailed.json` with the answers
of each rater, an object of file, rater, then EmoClass_Major and the dimensions;
`Transcripts/<name>.txt`; `Audios/<name>.wav`. The test parts Test1 to Test3 are all of the
split `test`; the session says which.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora import CorpusParams, labelfile, values
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.corpora.tablefile import Row
from pipeline.listing.utterance import Utterance, Vote

CARD = CorpusCard(
    title="MSP-Podcast",
    citation="R. Lotfian, C. Busso: Building Naturalistic Emotionally Balanced Speech Corpus by "
    "Retrieving Emotional Speech From Existing Podcast Recordings. IEEE Transactions on Affective "
    "Computing 10(4), 2019. doi:10.1109/TAFFC.2017.2736999",
    licence=Licence(name="academic licence, signed by the institution", free=False),
    home="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html",
    languages=("en",),
    labels="msp_podcast",
    utterances=None,  # it grows with every release
    speakers=None,
    access="Apply as its home page says.",
    dimensions=(1, 7),
    listed=True,
    marks=("Labels", "label"),
)
TABLES = tuple(
    f"{folder}/{name}.csv"
    for folder in ("Labels", "label")
    for name in ("labels_consensus", "labels_concensus")
)
COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set")
SPLITS = {"Train": "train", "Development": "val", "Validation": "val"}  # and Test1 to Test3
UNKNOWN = ("unknown", "none", "nan")


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of MSP-Podcast in the order of its table.

    Raises:
        CorpusError: the table of labels is missing, or a file of labels is damaged.
    """
    file = labelfile.first_of(path, TABLES)
    folder = "Audio" if (path / "Audio").is_dir() else "Audios"
    votes = _votes(file.parent)
    for line, row in labelfile.rows(file, *COLUMNS):
        name = labelfile.needed(file, line, row, "FileName", values.path)
        split = labelfile.value(file, line, row, "Split_Set", values.text)
        text = path / "Transcripts" / PurePosixPath(name).with_suffix(".txt")
        lines = labelfile.lines(text, "cp1252") if text.is_file() else []
        yield Utterance(
            path=f"{folder}/{name}",
            speaker=_known(row["SpkrID"]),
            gender=values.gender(row["Gender"].strip()) if _known(row["Gender"]) else None,
            language="en",
            transcript=" ".join(line for _, line in lines) or None,
            style="spontaneous",
            raw_label=labelfile.value(file, line, row, "EmoClass", values.text),
            votes=tuple(votes[name]) if name in votes else None,
            arousal=labelfile.value(file, line, row, "EmoAct", values.number),
            valence=labelfile.value(file, line, row, "EmoVal", values.number),
            dominance=labelfile.value(file, line, row, "EmoDom", values.number),
            session=split,
            split="test" if (split or "").startswith("Test") else SPLITS.get(split or "", split),
        )


def _known(told: str) -> str | None:
    return None if told.strip().lower() in ("", *UNKNOWN) else told.strip()


def _votes(folder: Path) -> dict[str, list[Vote]]:
    """File -> what each rater said."""
    votes: defaultdict[str, list[Vote]] = defaultdict(list)
    file = folder / "labels_detailed.json"
    for name, raters in (labelfile.document(file) if file.is_file() else {}).items():
        labelfile.require(file, None, raters)
        for rater, answer in raters.items():
            labelfile.require(file, None, answer, "EmoClass_Major")
            votes[name].append(_vote(file, None, answer)._replace(rater=rater))
    file = folder / "labels_detailed.csv"
    if not votes and file.is_file():
        for line, row in labelfile.rows(file, "FileName", "EmoClass_Major"):
            votes[row["FileName"].strip()].append(_vote(file, line, row))
    return votes


def _vote(file: Path, line: int | None, row: Row) -> Vote:
    """One answer; an emotion in the rater's own words (`Other-...`) counts as `Other`."""
    rater = next((column for column in row if "worker" in column.lower()), "")
    label = labelfile.value(file, line, row, "EmoClass_Major", values.text)
    numbers = (
        labelfile.value(file, line, row, column, values.number)
        for column in ("EmoAct", "EmoVal", "EmoDom")
    )
    return Vote(
        labelfile.value(file, line, row, rater, values.text),
        (label.split("-")[0].strip(),) if label else (),
        *numbers,
    )

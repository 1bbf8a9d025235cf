"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset.

English, 91 actors, twelve sentences, six emotions. Layout of the repository:
`AudioWAV/1001_DFA_ANG_XX.wav` (actor, sentence, emotion meant, intensity LO, MD, HI or XX),
`VideoDemographics.csv` (ActorID, Age, Sex, ...), and the answers of the raters:
`finishedResponses.csv` (one a line: clipName, queryType, localid, respEmo) and the counts of them,
`processedResults/tabulatedVotes.csv` (A to S, fileName). Only answers to the voice alone are
taken: queryType 1, and the lines 100001 and on of the counts.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.corpora import CorpusParams, labelfile, tree, values
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.corpora.tablefile import Row
from pipeline.listing.utterance import Utterance, Vote

COMMIT = "d15eeed6a139e9724483ed9a2fc4643f88708b79"  # of the mirror, whatever its branch is called
CARD = CorpusCard(
    title="CREMA-D",
    citation="H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: "
    "Crowd-sourced Emotional Multimodal Actors Dataset. IEEE Transactions on Affective Computing "
    "5(4), 2014. doi:10.1109/TAFFC.2014.2336244",
    licence=Licence(name="Open Database License 1.0", free=True),
    home="https://github.com/CheyneyComputerScience/CREMA-D",
    languages=("en",),
    labels="cremad",
    utterances=7442,
    speakers=91,
    access="Free download from GitHub (with git-lfs) or from its owners' mirror on GitLab.",
    archives=(  # of the mirror: GitHub's archives leave out what is in git's large file storage
        Archive(
            url=f"https://gitlab.com/cs-cooper-lab/crema-d-mirror/-/archive/{COMMIT}/"
            f"crema-d-mirror-{COMMIT}.zip",
            name="crema-d-mirror.zip",
        ),
    ),
    marks=("AudioWAV",),
)
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
INTENSITIES = {"LO": "low", "MD": "medium", "HI": "high"}
NAME = re.compile(  # one recording of the full set ends in _X
    rf"(1\d{{3}})_({'|'.join(SENTENCES)})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)\.wav", re.I
)
ANSWERS = "ADFHNS"


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of CREMA-D, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of CREMA-D, or one of its tables is damaged.
    """
    found = tree.recordings(path, NAME, "AudioWAV/1001_DFA_ANG_XX.wav")
    actors = _actors(path / "VideoDemographics.csv")
    votes = _votes(path / "finishedResponses.csv")
    counts = _counts(path / "processedResults" / "tabulatedVotes.csv")
    for file, match in found.named:
        actor, sentence, emotion, intensity = (part.upper() for part in match.groups())
        clip = Path(file).stem.upper()
        gender, age = actors.get(actor, (None, None))
        yield Utterance(
            path=file,
            speaker=actor,
            gender=gender,
            age=age,
            language="en",
            transcript=SENTENCES[sentence],
            sentence=sentence,
            style="acted",
            intensity=INTENSITIES.get(intensity),
            raw_label=emotion,
            soft_label=None if clip in votes else counts.get(clip),
            votes=tuple(votes[clip]) if clip in votes else None,
        )
    yield from found.rejects


def _actors(file: Path) -> dict[str, tuple[str | None, int | None]]:
    """Actor -> gender and age; nothing where the table was left out."""
    return {
        str(row["ActorID"]).strip(): (
            labelfile.value(file, line, row, "Sex", values.gender),
            labelfile.value(file, line, row, "Age", values.whole),
        )
        for line, row in _rows(file, "ActorID", "Age", "Sex")
    }


def _votes(file: Path) -> Mapping[str, list[Vote]]:
    """Clip -> what each rater heard."""
    votes: defaultdict[str, list[Vote]] = defaultdict(list)
    for _, row in _rows(file, "clipName", "queryType", "localid", "respEmo"):
        if row["queryType"].strip() == "1" and row["respEmo"].strip():
            clip = row["clipName"].strip().upper()
            votes[clip].append(Vote(row["localid"].strip() or None, (row["respEmo"].strip(),)))
    return votes


def _counts(file: Path) -> dict[str, dict[str, float]]:
    """Clip -> answers of those who heard the voice alone."""
    counts: dict[str, dict[str, float]] = {}
    for line, row in _rows(file, "fileName", *ANSWERS):
        told = {name: labelfile.value(file, line, row, name, values.number) for name in ANSWERS}
        found = {name: count for name, count in told.items() if count and count > 0}
        if next(iter(row.values())).strip().startswith("1") and found:
            counts[row["fileName"].strip().upper()] = found
    return counts


def _rows(file: Path, *columns: str) -> list[tuple[int, Row]]:
    return labelfile.rows(file, *columns) if file.exists() else []

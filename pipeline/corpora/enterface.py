"""eNTERFACE'05, an audio-visual emotion database.

English by 44 subjects of fourteen nations, six emotions, five sentences each. Layout: `enterface
database/subject 1/anger/sentence 1/s1_an_1.avi`; the folders of subject 6 have no level
`sentence`. Subject and emotion are taken from the folders, because some files are misnamed (those
of subject 11 say s12, one lacks the dot before `avi`). The sound track of the videos is used as it
is; a copy of the tree with WAV files of the same names is read as well.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="eNTERFACE'05",
    citation="O. Martin, I. Kotsia, B. Macq, I. Pitas: The eNTERFACE'05 Audio-Visual Emotion "
    "Database. International Conference on Data Engineering Workshops, 2006.",
    licence=Licence(name="free for research", free=True),
    home="https://enterface.net/enterface05/main.php?frame=emotion",
    languages=("en",),
    labels="enterface",
    utterances=1293,
    speakers=44,
    access="Free download from its home page.",
    archives=(
        Archive(
            url="https://enterface.net/enterface05/docs/results/databases/project2_database.zip",
            name="project2_database.zip",
        ),
    ),
)
SENTENCES = {  # as the paper gives them; those with two forms (him or her) are left out
    "anger": (
        "What? No, no, no, listen! I need this money!",
        "I don't care about your coffee! Please serve me!",
        "I can have you fired you know!",
        "Is your coffee more important than my money?",
        "You're getting paid to work, not drink coffee.",
    ),
    "disgust": (
        "That's horrible! I'll never eat noodles again.",
        "Something is moving inside my plate.",
        "Aaaaah a cockroach!",
        "Eeeek, this is disgusting!",
        "That's gross!",
    ),
    "fear": (
        "Oh my god, there is someone in the house!",
        "Someone is climbing up the stairs.",
        "Please don't kill me.",
        "I'm not alone! Go away!",
        "I have nothing to give you! Please don't hurt me!",
    ),
    "happiness": (
        "That's great, I'm rich now!",
        "I won: this is great! I'm so happy!",
        "Wahoo, this is so great.",
        "I'm so lucky!",
        "I'm so excited!",
    ),
    "sadness": (
        "Life won't be the same now.",
        "Oh no, tell me this is not true, please!",
        "Everything was so perfect! I just don't understand!",
        None,
        None,
    ),
    "surprise": (
        "You have never told me that!",
        "I didn't expect that!",
        "Wahoo, I would never have believed this!",
        "I never saw that coming!",
        "Oh my God, that's so weird!",
    ),
}
NAME = re.compile(
    rf"subject (\d+)/({'|'.join(SENTENCES)})/(?:sentence [1-5]/)?[^/]*?([1-5])\.?(?:avi|wav)", re.I
)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of eNTERFACE'05, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of it, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "subject 1/anger/sentence 1/s1_an_1.avi")
    for file, match in found.named:
        subject, emotion, number = match.groups()
        yield Utterance(
            path=file,
            speaker=subject,
            language="en",
            transcript=SENTENCES[emotion.lower()][int(number) - 1],
            sentence=f"{emotion.lower()} {number}",
            style="acted",
            raw_label=emotion.lower(),
        )
    yield from found.rejects

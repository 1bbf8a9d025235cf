"""MELD, the Multimodal EmotionLines Dataset: dialogues of the series Friends.

English, seven emotions. Layout of `MELD.Raw`: `train_sent_emo.csv`, `dev_sent_emo.csv` and
`test_sent_emo.csv` (Utterance, Speaker, Emotion, Dialogue_ID, Utterance_ID, Season, Episode), and
clips `dia12_utt3.mp4` in `train_splits`, `dev_splits_complete` and `output_repeated_splits_test`.
The tables may lie in the folders of the parts, the clips anywhere in a folder named after their
part. A WAV beside or instead of a clip is taken before it; else the clip's sound track is used as
it is.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora import CorpusError, CorpusParams, labelfile, tree, values
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="MELD",
    citation="S. Poria, D. Hazarika, N. Majumder, G. Naik, E. Cambria, R. Mihalcea: MELD: A "
    "Multimodal Multi-Party Dataset for Emotion Recognition in Conversations. ACL 2019.",
    licence=Licence(name="GPL-3.0; the clips are of a TV series", free=True),
    home="https://affective-meld.github.io",
    languages=("en",),
    labels="meld",
    utterances=13708,
    speakers=None,
    access="Free download from its home page.",
    listed=True,
    archives=(
        Archive(
            url="http://web.eecs.umich.edu/~mihalcea/downloads/MELD.Raw.tar.gz",
            name="MELD.Raw.tar.gz",
            digest="sha256:a56b4407d574195cbce470d86f9c9d72fcfea59b0e34502ecd4babee4a5c613e",
            size=10_878_146_150,
        ),
    ),
)
FOLDERS = {  # part: folder of its clips as they are unpacked
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
GENDERS = {
    **dict.fromkeys(("Monica", "Phoebe", "Rachel"), "female"),
    **dict.fromkeys(("Chandler", "Joey", "Ross"), "male"),
}
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "Season", "Episode")
CLIP = re.compile(r"dia\d+_utt\d+\.(wav|flac|mp4)", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of MELD, part by part, in the order of its tables.

    Raises:
        CorpusError: there is no table, or one is damaged.
    """
    files = tree.files(path)
    clips = _clips(files)
    tables = {part: _table(files, part) for part in FOLDERS}
    if not any(tables.values()):
        raise CorpusError(
            f"{path}: found none of {', '.join(f'{p}_sent_emo.csv' for p in FOLDERS)}; let `path` "
            "name the folder that MELD.Raw.tar.gz and the archives in it are unpacked to"
        )
    for part, table in tables.items():
        file = path / (table or "")
        for line, row in labelfile.rows(file, *COLUMNS) if table else []:
            dialogue, turn, season, episode = (
                labelfile.needed(file, line, row, column, values.whole)
                for column in ("Dialogue_ID", "Utterance_ID", "Season", "Episode")
            )
            clip, speaker = f"dia{dialogue}_utt{turn}", row["Speaker"].strip() or None
            yield Utterance(
                path=clips.get((part, clip), f"{FOLDERS[part]}/{clip}.mp4"),
                speaker=speaker,
                gender=GENDERS.get(speaker or ""),
                language="en",
                session=f"S{season:02d}E{episode:02d}",
                dialogue=f"{part}-{dialogue}",
                turn=turn,
                transcript=labelfile.value(file, line, row, "Utterance", values.text),
                style="acted",
                raw_label=labelfile.value(file, line, row, "Emotion", values.text),
                split=part,
            )


def _table(files: list[str], part: str) -> str | None:
    name = f"{part}_sent_emo.csv"
    return next((file for file in files if PurePosixPath(file).name == name), None)


def _clips(files: list[str]) -> dict[tuple[str, str], str]:
    """(part, dialogue and utterance) -> clip; of several with one name WAV comes last and stays."""
    clips: dict[tuple[str, str], str] = {}
    for file in sorted(files, key=lambda name: name.lower().endswith(".wav")):
        place = PurePosixPath(file)
        folder = str(place.parent).lower()
        part = next((part for part in FOLDERS if part in folder), None)
        if part and CLIP.fullmatch(place.name):
            clips[part, place.stem.lower()] = file
    return clips

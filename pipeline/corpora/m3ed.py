"""M3ED, the Multi-modal Multi-scene Multi-label Emotional Dialogue database.

Mandarin, 990 dialogues of 56 TV series, seven emotions, three raters. Layout: `annotation.json`,
an object of series, dialogue, then `SpeakerInfo` (A, B: Name, Gender, Age) and `Dialog`
(utterance: Text, Speaker, EmoAnnotation with EmoAnnotator1 to 3, final_main_emo and
final_mul_emo); `splitInfo/movie_list_train.txt`, `_val`, `_test` with a series a line; and the
sound, `modality_speech/A_anjia_1_1.wav`. A rater may name several emotions, with commas between.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.corpora import CorpusParams, labelfile, values
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance, Vote

CARD = CorpusCard(
    title="M3ED",
    citation="J. Zhao, T. Zhang, J. Hu, Y. Liu, Q. Jin, X. Wang, H. Li: M3ED: Multi-modal "
    "Multi-scene Multi-label Emotional Dialogue Database. ACL 2022.",
    licence=Licence(name="research only, on request", free=False),
    home="https://github.com/AIM3-RUC/RUCM3ED",
    languages=("zh",),
    labels="m3ed",
    utterances=24449,
    speakers=626,
    access="Apply as its home page says.",
    listed=True,
    marks=("annotation.json",),
)
PARTS = ("train", "val", "test")
RATERS = ("EmoAnnotator1", "EmoAnnotator2", "EmoAnnotator3")
SEVERAL = re.compile(r"[,，;；/、]")


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of M3ED, dialogue by dialogue.

    Raises:
        CorpusError: the annotation or a list of series is missing or damaged.
    """
    file = path / "annotation.json"
    split = _splits(path / "splitInfo")
    for series, dialogues in labelfile.document(file).items():
        labelfile.require(file, None, dialogues)
        for dialogue, content in dialogues.items():
            labelfile.require(file, None, content, "SpeakerInfo", "Dialog")
            labelfile.require(file, None, content["SpeakerInfo"])
            labelfile.require(file, None, content["Dialog"])
            for turn, (name, facts) in enumerate(content["Dialog"].items(), start=1):
                labelfile.require(file, None, facts, "Text", "Speaker", "EmoAnnotation")
                labelfile.require(file, None, facts["EmoAnnotation"], "final_main_emo")
                letter = labelfile.needed(file, None, facts, "Speaker", values.text)
                person = content["SpeakerInfo"].get(letter, {})
                labelfile.require(file, None, person)
                clip = {"path": f"modality_speech/{letter}_{name}.wav"}
                who = labelfile.value(file, None, person, "Name", values.text)
                yield Utterance(
                    path=labelfile.needed(file, None, clip, "path", values.path),
                    speaker=f"{series}_{who or letter}",
                    gender=labelfile.value(file, None, person, "Gender", values.gender),
                    language="zh",
                    session=series,
                    dialogue=dialogue,
                    turn=turn,
                    transcript=labelfile.value(file, None, facts, "Text", values.text),
                    style="acted",
                    raw_label=_main(file, facts["EmoAnnotation"]),
                    votes=tuple(_votes(file, facts["EmoAnnotation"])) or None,
                    split=split.get(series),
                )


def _main(file: Path, emotions: dict[str, Any]) -> str | None:
    return labelfile.value(file, None, emotions, "final_main_emo", values.text)


def _votes(file: Path, emotions: dict[str, Any]) -> Iterator[Vote]:
    for rater in RATERS:
        told = labelfile.value(file, None, emotions, rater, values.text) or ""
        labels = tuple(name.strip() for name in SEVERAL.split(told) if name.strip())
        if labels:
            yield Vote(rater, labels)


def _splits(folder: Path) -> dict[str, str]:
    """Series -> part."""
    return {
        series: part
        for part in PARTS
        for _, series in labelfile.lines(folder / f"movie_list_{part}.txt")
    }

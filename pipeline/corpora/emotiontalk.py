"""EmotionTalk, interactive Chinese multimodal emotion dialogues.

Mandarin, 19 actors in pairs, seven emotions, five raters a modality, 44.1 kHz. Layout:
`Audio/json/G00001/G00001_02/G00001_02_01/G00001_02_01_002.json` and
`Audio/wav/G00001/G00001_02/G00001_02_01/G00001_02_01_002.wav`: group, dialogue, speaker's part,
turn. A JSON file holds `emotion_result`, `speaker_id`, `content` and `data`, the raters' answers.
As the description on its home page leaves open what an answer looks like, a rater's emotion is
looked for under `emotion_result`, `emotion` and `label`. The labels are those of the raters who
heard the sound alone.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.corpora import CorpusError, CorpusParams, labelfile, tree, values
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance, Vote

CARD = CorpusCard(
    title="EmotionTalk",
    citation="H. Sun et al.: EmotionTalk: An Interactive Chinese Multimodal Emotion Dataset With "
    "Rich Annotations. 2025. arXiv:2505.23018",
    licence=Licence(name="CC BY-NC-SA 4.0", free=True),
    home="https://github.com/NKU-HLT/EmotionTalk",
    languages=("zh",),
    labels="emotiontalk",
    utterances=19250,
    speakers=19,
    access="Download it from the Hugging Face hub (BAAI/Emotiontalk), which asks for an account.",
    listed=True,
    marks=("Audio",),
)
ANSWERS = ("emotion_result", "emotion", "label")


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of EmotionTalk in the order of their names.

    Raises:
        CorpusError: there are no annotations, or one is damaged.
    """
    annotations = path / "Audio" / "json"
    if not annotations.is_dir():
        raise CorpusError(
            f"{path}: found no folder Audio/json; let `path` name the folder that holds Audio, and "
            "unpack its archives"
        )
    for name in tree.files(annotations):
        if not name.endswith(".json"):
            continue
        file = annotations / name
        facts = labelfile.document(file)
        labelfile.require(file, None, facts, "emotion_result", "speaker_id")
        group, dialogue, *_ = (*PurePosixPath(name).stem.split("_"), "", "")
        yield Utterance(
            path=f"Audio/wav/{PurePosixPath(name).with_suffix('.wav')}",
            speaker=labelfile.value(file, None, facts, "speaker_id", values.text),
            language="zh",
            session=group,
            dialogue=f"{group}_{dialogue}",
            transcript=labelfile.value(file, None, facts, "content", values.text),
            style="improvised",
            raw_label=labelfile.value(file, None, facts, "emotion_result", values.text),
            votes=tuple(_votes(file, facts.get("data"))) or None,
        )


def _votes(file: Path, data: Any) -> Iterator[Vote]:
    for number, answer in enumerate(data if isinstance(data, list) else [], start=1):
        labelfile.require(file, None, answer)
        key = next((key for key in ANSWERS if answer.get(key)), ANSWERS[0])
        label = labelfile.value(file, None, answer, key, values.text)
        if label:
            yield Vote(str(number), (label,))

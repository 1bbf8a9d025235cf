"""CSEMOTIONS, high-quality Mandarin emotional speech.

Professional voice actors in a studio, seven emotions, 48 kHz. Distributed as Parquet files on the
Hugging Face hub, `data/*.parquet`, with the sound inside: audio, transcript, emotion, speaker_id,
gender, prompt_id (also seen: text, speaker). The first reading unpacks the sound to `unpacked/`
beside them. The corpus's description gives both ten and six speakers.
"""

from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusError, CorpusParams, embedded, labelfile, tree, values
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="CSEMOTIONS",
    citation="F. Tian, C. Lyu, X. Ni, H. Sun, Q. Li, Z. Qian, H. Li, L. Wang, Z. Xu, W. Luo, "
    "K. Zhang: Marco-Voice Technical Report. 2025. arXiv:2508.02038",
    licence=Licence(name="Apache-2.0", free=True),
    home="https://huggingface.co/datasets/AIDC-AI/CSEMOTIONS",
    languages=("zh",),
    labels="csemotions",
    utterances=4160,
    speakers=None,
    access="Free download from the Hugging Face hub, AIDC-AI/CSEMOTIONS.",
)
TEXTS, SPEAKERS, SENTENCES = ("transcript", "text"), ("speaker_id", "speaker"), ("prompt_id",)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of CSEMOTIONS, file by file, and unpack their sound.

    Raises:
        CorpusError: there is no Parquet file, or one is damaged.
    """
    parquets = [file for file in tree.files(path) if file.endswith(".parquet")]
    if not parquets:
        raise CorpusError(f"{path}: found no .parquet file; {CARD.access}")
    for name in parquets:
        file = path / name
        for sound, row in embedded.rows(path, name, "audio"):
            labelfile.require(file, None, row, "emotion")
            text, speaker, sentence = (
                next((column for column in columns if column in row), columns[0])
                for columns in (TEXTS, SPEAKERS, SENTENCES)
            )
            yield Utterance(
                path=sound,
                speaker=labelfile.value(file, None, row, speaker, values.text),
                gender=labelfile.value(file, None, row, "gender", values.gender),
                language="zh",
                transcript=labelfile.value(file, None, row, text, values.text),
                sentence=labelfile.value(file, None, row, sentence, values.text),
                style="acted",
                raw_label=labelfile.value(file, None, row, "emotion", values.text),
            )

"""CASIA, the Mandarin emotional speech corpus of the Institute of Automation, Beijing.

Four speakers, fifty sentences read in six emotions each (the part of the full corpus that is
passed on), 16 kHz. Layout: `liuchanhg/angry/201.wav` to `250.wav`, and beside the speakers a text
file in GBK with the sentences, one a line: `201 text`. A list of fifty lines without numbers is
numbered from 201. Without a list there are no transcripts, and the log says so.
"""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, labelfile, tree
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="CASIA",
    citation="Institute of Automation, Chinese Academy of Sciences: CASIA Chinese emotional speech "
    "corpus. Chinese Linguistic Data Consortium, 2005.",
    licence=Licence(name="sold by the Chinese Linguistic Data Consortium", free=False),
    home="http://www.chineseldc.org/resource_info.php?rid=76",
    languages=("zh",),
    labels="casia",
    utterances=1200,
    speakers=4,
    access="Order it from the Chinese Linguistic Data Consortium.",
    marks=("liuchanhg", "wangzhe", "zhaoquanyin", "ZhaoZuoxiang"),
)
GENDERS = {
    "liuchanhg": "female",
    "wangzhe": "male",
    "zhaoquanyin": "female",
    "zhaozuoxiang": "male",
}
FIRST, LAST = 201, 250
NAME = re.compile(
    r"(liuchanhg|wangzhe|zhaoquanyin|ZhaoZuoxiang)/(angry|fear|happy|neutral|sad|surprise)/"
    r"(20[1-9]|2[1-4]\d|250)\.wav",
    re.I,
)
SENTENCE = re.compile(r"(\d{3})\W*(\w.*)")

log = logging.getLogger(__name__)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of CASIA, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of CASIA, or its list of sentences cannot be read.
    """
    found = tree.recordings(path, NAME, "liuchanhg/angry/201.wav")
    sentences = _sentences(path)
    for file, match in found.named:
        speaker, emotion, number = match.groups()
        yield Utterance(
            path=file,
            speaker=speaker,
            gender=GENDERS[speaker.lower()],
            language="zh",
            transcript=sentences.get(int(number)),
            sentence=number,
            style="acted",
            raw_label=emotion.lower(),
        )
    yield from found.rejects


def _sentences(root: Path) -> dict[int, str]:
    """Number -> sentence, from the text files beside the speakers."""
    sentences: dict[int, str] = {}
    for file in sorted(root.glob("*.[tT][xX][tT]")):
        lines = [line for _, line in labelfile.lines(file, labelfile.CHINESE)]
        numbered = [match for line in lines if (match := SENTENCE.fullmatch(line))]
        if not numbered and len(lines) == LAST - FIRST + 1:
            sentences |= dict(enumerate(lines, start=FIRST))
        sentences |= {int(match[1]): match[2] for match in numbered}
    if not set(range(FIRST, LAST + 1)) <= sentences.keys():
        log.warning("%s: found %d of 50 sentences in its text files", root, len(sentences))
    return sentences

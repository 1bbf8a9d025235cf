"""VCEMO, the Mandarin corpus of the VCEMO paper.

Its layout is not public, so it is read as a table in the form of `pipeline/corpora/table.py`: put
`metadata.csv` beside the recordings, with the columns path, speaker, label and transcript. Its six
classes are those of the paper; the profile `paper` trains its models on them.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.corpora import CorpusParams, table
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="VCEMO",
    citation="J. Tang, L. Zhang, Y. Lu, D. Ding, L. Yang, Y.-C. Chen, M. Bian, X. Li, G. Xue: "
    "VCEMO: Multi-Modal Emotion Recognition for Chinese Voiceprints. 2024. arXiv:2408.13019",
    licence=Licence(name="not published", free=False),
    home="https://arxiv.org/abs/2408.13019",
    languages=("zh",),
    labels="vcemo",
    utterances=None,  # the paper gives two numbers
    speakers=None,
    access="Ask the authors of the paper.",
)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of the table that describes the corpus; all are Mandarin.

    Raises:
        TableError: see `pipeline/corpora/table.py`.
    """
    for utterance in table.read(path, source):
        yield replace(utterance, language=utterance.language or "zh")

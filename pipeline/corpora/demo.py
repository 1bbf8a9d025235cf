"""The embedded demo corpus, as `vcemo demo corpus` makes it (`pipeline/demo/corpus.py`).

Synthetic Mandarin and English speech with labels that need prosody and words together. Layout:
`<root>/metadata.csv`, a table in the form of `pipeline/corpora/table.py`, and `<root>/wav/`.
"""

from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusError, CorpusParams, table
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="vcemo demo",
    citation="None: it comes with this project and is made by espeak-ng.",
    licence=Licence(name="none needed: a machine's voice reading invented sentences", free=True),
    home="pipeline/demo/corpus.py",
    languages=("zh", "en"),
    labels="demo",
    utterances=480,
    speakers=None,
    access="`vcemo demo corpus` makes it.",
)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of the demo corpus in the order of its table.

    Raises:
        CorpusError: `path` holds no demo corpus.
    """
    metadata = path / "metadata.csv"
    if not metadata.is_file():
        raise CorpusError(
            f"{path}: found no metadata.csv, expected the demo corpus; make it with "
            "`vcemo demo corpus`, and let `path` name the folder it is made in"
        )
    yield from table.read(metadata, source)

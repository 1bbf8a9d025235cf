"""CaFE, the Canadian French Emotional speech dataset.

Twelve actors of Québec, six sentences, six emotions in two intensities and neutral. Layout:
`Colère/Faible/01-C-1-1.wav`, `Neutre/01-N-0-1.wav`: actor (odd numbers are men), emotion,
intensity (1 faible, 2 fort, 0 neutral), sentence. Names of folders are not looked at: archives
differ in how they spell the accents.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="CaFE",
    citation="P. Gournay, O. Lahaie, R. Lefebvre: A Canadian French Emotional Speech Dataset. ACM "
    "Multimedia Systems Conference, 2018. doi:10.1145/3204949.3208121",
    licence=Licence(name="CC BY-NC-SA 4.0", free=True),
    home="https://zenodo.org/records/1478765",
    languages=("fr",),
    labels="cafe",
    utterances=936,
    speakers=12,
    access="Free download from Zenodo.",
    archives=(
        Archive(url="https://zenodo.org/records/1478765/files/CaFE_48k.zip", name="CaFE_48k.zip"),
    ),
)
INTENSITIES = {"0": None, "1": "weak", "2": "strong"}
SENTENCES = {
    "1": "Un cheval fou dans mon jardin.",
    "2": "Deux ânes aigris au pelage brun.",
    "3": "Trois cygnes aveugles au bord du lac.",
    "4": "Quatre vieilles truies éléphantesques.",
    "5": "Cinq pumas fiers et passionnés.",
    "6": "Six ours aimants domestiqués.",
}
NAME = re.compile(r"(0[1-9]|1[0-2])-([CDJNPST])-([012])-([1-6])\.wav", re.I)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of CaFE, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of CaFE, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "Colère/Faible/01-C-1-1.wav")
    for file, match in found.named:
        actor, emotion, intensity, sentence = match.groups()
        yield Utterance(
            path=file,
            speaker=actor,
            gender="male" if int(actor) % 2 else "female",
            language="fr",
            transcript=SENTENCES[sentence],
            sentence=sentence,
            style="acted",
            intensity=INTENSITIES[intensity],
            raw_label=emotion.upper(),
        )
    yield from found.rejects

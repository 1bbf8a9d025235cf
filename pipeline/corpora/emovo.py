"""EMOVO, an Italian emotional speech corpus.

Six actors, fourteen sentences, six emotions and neutral, 48 kHz. Layout: `f1/dis-f1-b1.wav`:
emotion (disgusto, gioia, paura, rabbia, sorpresa, tristezza, neutro), speaker, sentence (b short,
l long, n nonsense, d question), as the corpus's own description `LA STRUTTURA DI EMOVO` says.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.corpora import CorpusParams, tree
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.listing.utterance import Utterance

CARD = CorpusCard(
    title="EMOVO",
    citation="G. Costantini, I. Iaderola, A. Paoloni, M. Todisco: EMOVO Corpus: an Italian "
    "Emotional Speech Database. LREC 2014.",
    licence=Licence(name="free for research", free=True),
    home="http://voice.fub.it/activities/corpora/emovo/index.html",
    languages=("it",),
    labels="emovo",
    utterances=588,
    speakers=6,
    access="Free download from its home page.",
)
AGES = {"f1": 28, "f2": 23, "f3": 25, "m1": 30, "m2": 27, "m3": 30}
SENTENCES = {
    "b1": "Gli operai si alzano presto.",
    "b2": "I vigili sono muniti di pistola.",
    "b3": "La cascata fa molto rumore.",
    "l1": "L'autunno prossimo Tony partirà per la Spagna nella prima metà di ottobre.",
    "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata.",
    "l3": "Un attimo dopo s'è incamminato ed è inciampato.",
    "l4": "Vorrei il numero telefonico del Signor Piatti.",
    "n1": "La casa forte vuole col pane.",
    "n2": "La forza trova il passo e l'aglio rosso.",
    "n3": "Il gatto sta scorrendo nella pera.",
    "n4": "Insalata pastasciutta coscia d'agnello limoncello.",
    "n5": "Uno quarantatré dieci mille cinquantasette venti.",
    "d1": "Sabato sera cosa farà?",
    "d2": "Porti con te quella cosa?",
}
NAME = re.compile(
    rf"(dis|gio|neu|pau|rab|sor|tri)-({'|'.join(AGES)})-({'|'.join(SENTENCES)})\.wav", re.I
)


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of EMOVO, then what lies among them under other names.

    Raises:
        CorpusError: there is no recording of EMOVO, or a folder cannot be listed.
    """
    found = tree.recordings(path, NAME, "f1/dis-f1-b1.wav")
    for file, match in found.named:
        emotion, speaker, sentence = (part.lower() for part in match.groups())
        yield Utterance(
            path=file,
            speaker=speaker,
            gender="female" if speaker.startswith("f") else "male",
            age=AGES[speaker],
            language="it",
            transcript=SENTENCES[sentence],
            sentence=sentence,
            style="acted",
            raw_label=emotion,
        )
    yield from found.rejects

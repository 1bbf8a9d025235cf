"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture database.

English, five sessions of one actress and one actor each, scripted and improvised dialogues, 16
kHz. Layout, below `Session1` to `Session5`:

    dialog/EmoEvaluation/Ses01F_impro01.txt   per turn: times, name, label and mean ratings
        [6.2901 - 8.2357]  Ses01F_impro01_F000  neu  [2.5000, 2.5000, 2.5000]
        C-E2:  Neutral;  ()                       what a rater heard: one or several emotions
        A-E3:  val 3; act 2; dom  2;  ()          what a rater gave in the three dimensions
    dialog/transcriptions/Ses01F_impro01.txt  Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
    sentences/ForcedAlignment/Ses01F_impro01/Ses01F_impro01_F000.wdseg
        SFrm  EFrm  SegAScr  Word                 frames of 10 ms
    sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav

The three numbers are valence, activation and dominance from 1 to 5. The letter of a turn's number
is its speaker; turns are numbered in the order in which they begin. `C-F1` and the like are the
actors' ratings of themselves, and are votes as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.corpora import CorpusError, CorpusParams, labelfile, values
from pipeline.corpora.card import CorpusCard, Licence
from pipeline.corpora.tablefile import wrong
from pipeline.listing.utterance import Utterance, Vote, Word

CARD = CorpusCard(
    title="IEMOCAP",
    citation="C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, "
    "S. S. Narayanan: IEMOCAP: Interactive emotional dyadic motion capture database. Language "
    "Resources and Evaluation 42(4), 2008. doi:10.1007/s10579-008-9076-6",
    licence=Licence(name="research only, on request", free=False),
    home="https://sail.usc.edu/iemocap/iemocap_release.htm",
    languages=("en",),
    labels="iemocap",
    utterances=10039,
    speakers=10,
    access="Fill in the release form on its home page.",
    dimensions=(1, 5),
    listed=True,
    marks=("Session1", "Session2", "Session3", "Session4", "Session5"),
)
DIALOGUE = re.compile(r"Ses0[1-5][FM]_(impro|script)\w+")
NAME = re.compile(r"(Ses0[1-5])[FM]_(impro|script)\w+_([FM])\w*\d+\w*")
NUMBER = r"(-?\d+(?:\.\d+)?)"
TURN = re.compile(
    rf"\[{NUMBER}\s*-\s*{NUMBER}\]\s+(\S+)\s+(\w+)\s+\[{NUMBER},\s*{NUMBER},\s*{NUMBER}\]"
)
ANSWER = re.compile(r"([CA])-(\w+):([^(]*).*")
SAID = re.compile(r"(\S+)\s+\[[\d.]+-[\d.]+\]:\s*(.*)")
SEGMENT = re.compile(r"(\d+)\s+(\d+)\s+-?\d+\s+(\S+)")
NO_WORD = re.compile(r"<.*>|\+\+.*\+\+|\[.*\]")  # silence, noise, breath
FRAME_S = 0.01
STYLES = {"impro": "improvised", "script": "scripted"}


@dataclass
class Turn:
    """What an evaluation file says of one turn."""

    name: str
    start_s: float
    label: str
    valence: float
    arousal: float
    dominance: float
    votes: dict[str, Vote] = field(default_factory=dict)  # of each rater


def read(path: Path, source: CorpusParams) -> Iterator[Utterance]:
    """Yield the utterances of IEMOCAP, dialogue by dialogue, in the order in which they begin.

    Raises:
        CorpusError: there is no session, or a session lacks files or has damaged ones.
    """
    sessions = [path / f"Session{n}" for n in range(1, 6) if (path / f"Session{n}").is_dir()]
    if not sessions:
        raise CorpusError(
            f"{path}: found no folder Session1 to Session5; let `path` name the folder that holds "
            "them (IEMOCAP_full_release)"
        )
    for session in sessions:
        for dialogue in _dialogues(session):
            texts = _texts(session / "dialog" / "transcriptions" / f"{dialogue}.txt")
            turns = _turns(session / "dialog" / "EmoEvaluation" / f"{dialogue}.txt")
            for number, turn in enumerate(sorted(turns, key=lambda t: t.start_s), start=1):
                yield _utterance(session, dialogue, number, turn, texts.get(turn.name))


def _utterance(
    session: Path, dialogue: str, number: int, turn: Turn, text: str | None
) -> Utterance:
    path = f"{session.name}/sentences/wav/{dialogue}/{turn.name}.wav"
    match = NAME.fullmatch(turn.name)
    if match is None:
        return Utterance(path=path, fault=f"found the turn {turn.name!r}, expected Ses01F_..._F000")
    group, kind, letter = match.groups()
    aligned = session / "sentences" / "ForcedAlignment" / dialogue / f"{turn.name}.wdseg"
    return Utterance(
        path=path,
        speaker=f"{group}{letter}",
        gender=values.gender(letter),
        language="en",
        session=session.name,
        dialogue=dialogue,
        turn=number,
        transcript=text,
        words=_words(aligned),
        style=STYLES[kind],
        raw_label=turn.label,
        votes=tuple(turn.votes.values()) or None,
        arousal=turn.arousal,
        valence=turn.valence,
        dominance=turn.dominance,
    )


def _dialogues(session: Path) -> list[str]:
    """Names of the dialogues of a session, each with its evaluation.

    Raises:
        CorpusError: the session has no evaluations, or has recordings without one.
    """
    evaluations = session / "dialog" / "EmoEvaluation"
    found = {f.stem for f in evaluations.glob("*.txt") if DIALOGUE.fullmatch(f.stem)}
    sounds = session / "sentences" / "wav"
    heard = {f.name for f in sounds.glob("*") if DIALOGUE.fullmatch(f.name)}
    for missing in sorted(heard - found)[:1]:
        raise wrong(evaluations / f"{missing}.txt", None, f"no such file; {labelfile.UNPACK}")
    if not found or not heard:
        raise CorpusError(
            f"{evaluations if not found else sounds}: found no dialogue of {session.name}, "
            f"expected names like Ses01F_impro01; {labelfile.UNPACK}, or remove the session"
        )
    return sorted(found)


def _turns(file: Path) -> list[Turn]:
    turns: list[Turn] = []
    for number, line in labelfile.lines(file, "cp1252"):
        if match := TURN.fullmatch(line):
            start, _, name, label, *ratings = match.groups()
            valence, arousal, dominance = map(float, ratings)
            turns.append(Turn(name, float(start), label, valence, arousal, dominance))
        elif line.startswith("["):
            raise wrong(
                file,
                number,
                f"found {line[:80]!r}, expected [start - end] turn label [valence, activation, "
                f"dominance]; {labelfile.UNPACK}",
            )
        elif turns and (match := ANSWER.fullmatch(line)):
            _add_vote(turns[-1].votes, *match.groups())
    return turns


def _add_vote(votes: dict[str, Vote], kind: str, rater: str, told: str) -> None:
    """Keep what a rater said: C emotions, A numbers in the three dimensions."""
    vote = votes.get(rater, Vote(rater))
    if kind == "C":
        vote = vote._replace(labels=tuple(p.strip() for p in told.split(";") if p.strip()))
    else:
        given = {name: float(n) for name, n in re.findall(r"(val|act|dom)\s+(\d+)", told)}
        vote = Vote(rater, vote.labels, given.get("act"), given.get("val"), given.get("dom"))
    if vote != Vote(rater):
        votes[rater] = vote


def _texts(file: Path) -> dict[str, str]:
    matches = (SAID.fullmatch(line) for _, line in labelfile.lines(file, "cp1252"))
    return {match[1]: match[2] for match in matches if match}


def _words(file: Path) -> tuple[Word, ...] | None:
    """The alignment of a turn; None where the corpus has none, or it did not work out."""
    if not file.is_file():
        return None
    matches = (SEGMENT.fullmatch(line) for _, line in labelfile.lines(file, "cp1252"))
    words = tuple(
        Word(match[3].split("(")[0].lower(), int(match[1]) * FRAME_S, (int(match[2]) + 1) * FRAME_S)
        for match in matches
        if match and not NO_WORD.fullmatch(match[3])
    )
    return words or None

"""The frames of each word: times that an ASR or a corpus gives, carried over to our own tokens.

Both are pieces of the same text, so each is looked for in it, from left to right. A word's time is
spread evenly over its characters; a token takes the time of its own.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.packing.rows import Utterances, read_located
from pipeline.packing.tensorfile import writing
from pipeline.packing.tensors import read_rows

LOOK_AHEAD = 30  # characters that may stand between one piece and the next
FEW_TIMED = 0.5  # a share of words with times below it calls for a warning

log = logging.getLogger(__name__)


def write_alignment(
    path: Path,
    transcripts: Iterable[Path],
    words: Iterable[Path],
    utterances: Utterances,
    source: str,
    *,
    offsets: NDArray[np.int64],
    hop_s: float,
) -> None:
    """Write align-<source>.safetensors, unless the source has no times of words at all.

    Args:
        offsets: first word of each utterance, and the end: [utterances + 1]

    Shape:
        frames i32[sum(tokens), 2]: [start, end) in frames of the original, (0, 0) = not known.
    """
    timed = _timed_texts(transcripts, utterances, source)
    if not timed:
        return
    with writing(path, {"frames": ("int32", (int(offsets[-1]), 2))}) as out:
        for ordinal, tokens in read_rows(words, ["tokens"], utterances, source):
            if ordinal in timed and tokens:
                text, told = (scalar.as_py() for scalar in timed[ordinal])
                times = token_times(text, tokens, told)
                start = offsets[ordinal]
                out["frames"][start : start + len(tokens)] = to_frames(times, hop_s)
        known = float((out["frames"][:, 1] > 0).mean())
    if known < FEW_TIMED:
        log.warning("source %r: only %.0f%% of the words have times", source, 100 * known)


def token_times(
    text: str, tokens: Sequence[str], words: Sequence[Mapping[str, Any]]
) -> NDArray[np.float64]:
    """Start and end of each token in seconds, NaN where no word with times covers it.

    Shape:
        [tokens, 2]
    """
    times = np.full((len(text), 2), np.nan)  # start and end of each character
    for place, word in zip(locate(text, [w["word"] for w in words]), words, strict=True):
        if place is not None:
            edges = np.linspace(word["start_s"], word["end_s"], len(place) + 1)
            times[place.start : place.stop] = np.stack([edges[:-1], edges[1:]], axis=1)
    found = np.full((len(tokens), 2), np.nan)
    for i, place in enumerate(locate(text, tokens)):
        if place is not None:
            covered = times[place.start : place.stop]
            covered = covered[~np.isnan(covered[:, 0])]
            if len(covered):
                found[i] = covered[0, 0], covered[-1, 1]
    return found


def locate(text: str, pieces: Iterable[str]) -> Iterator[range | None]:
    """The characters of each piece, read from left to right; None for one that is not there.

    >>> list(locate("Oh no, no.", [" oh", "well", "no"]))
    [range(0, 2), None, range(3, 5)]
    """
    plain = text.lower() if len(text.lower()) == len(text) else text
    at = 0
    for piece in pieces:
        sought = piece.strip().lower()
        start = plain.find(sought, at, at + LOOK_AHEAD + len(sought)) if sought else -1
        if start < 0:
            yield None
        else:
            at = start + len(sought)
            yield range(start, at)


def to_frames(times: NDArray[np.float64], hop_s: float) -> NDArray[np.int32]:
    """Times in frames, frame f standing for f x hop; at least one frame each, (0, 0) for NaN.

    >>> to_frames(np.array([[0.1, 0.2], [np.nan, np.nan], [0.3, 0.3]]), 0.01).tolist()
    [[10, 20], [0, 0], [30, 31]]
    """
    known = ~np.isnan(times[:, 0])
    frames = np.zeros(times.shape, np.int32)
    frames[known] = np.rint(times[known] / hop_s)
    frames[known, 1] = np.maximum(frames[known, 1], frames[known, 0] + 1)
    return frames


def _timed_texts(
    transcripts: Iterable[Path], utterances: Utterances, source: str
) -> dict[int, tuple[pa.Scalar, pa.Scalar]]:
    """Text and words with times by ordinal, as Arrow scalars, of utterances that have them."""
    found: dict[int, tuple[pa.Scalar, pa.Scalar]] = {}
    for ordinals, table in read_located(transcripts, ["text", "words"], utterances, source):
        here = pc.is_valid(table["words"])
        kept = table.filter(here)
        chosen = ordinals[np.asarray(here, bool)].tolist()
        found |= zip(chosen, zip(kept["text"], kept["words"], strict=True), strict=True)
    return found

"""Facts of the section on the surest wrong answers: what was said, how it looks and sounds."""

import base64
import io
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.answers import Answers
from pipeline.reporting.clips import Clips
from pipeline.reporting.context import Context

PER_RUN = 12  # errors shown
THUMBNAIL = (144, 40)  # pixels: time, frequency


@dataclass(frozen=True)
class Mistake:
    """One wrong answer."""

    utt_id: str
    speaker: str
    transcript: str
    label: str
    answer: str
    sure: float  # probability of the answer
    given: float  # probability of the label
    seed: int


def facts(context: Context) -> dict[str, Any] | None:
    """The surest mistakes of each run; one per utterance."""
    texts = dict(context.connection.execute("SELECT utt_id, transcript FROM utterances").fetchall())
    runs = {run.name: worst(run.answers, texts) for run in context.runs}
    if not any(runs.values()):
        return None
    ranks = zip_longest(*runs.values())  # of each run the surest first
    ids = list(dict.fromkeys(m.utt_id for rank in ranks for m in rank if m))
    clips = Clips.of(context, ids)
    return {
        "runs": {name: found for name, found in runs.items() if found},
        "pictures": thumbnails(context.connection, ids),
        "clips": clips.sounds,
        "clips_asked": clips.asked,
        "clips_missing": clips.missing,
    }


def worst(answers: Answers, texts: dict[str, str | None], count: int = PER_RUN) -> list[Mistake]:
    """The wrong answers given with the highest probability, the surest first."""
    sure = answers.probabilities.max(axis=1)
    wrong = np.flatnonzero(~answers.right)
    order = wrong[np.lexsort((answers.utterance[wrong], -sure[wrong]))]
    _, first = np.unique(answers.utterance[order], return_index=True)
    return [_mistake(answers, int(row), texts) for row in order[np.sort(first)][:count]]


def _mistake(answers: Answers, row: int, texts: dict[str, str | None]) -> Mistake:
    utt_id = str(answers.utt_ids[answers.utterance[row]])
    speaker = answers.speaker[row]
    shares, label = answers.probabilities[row], answers.label[row]
    return Mistake(
        utt_id=utt_id,
        speaker=str(answers.speakers[speaker]) if speaker >= 0 else "unknown",
        transcript=texts.get(utt_id) or "",
        label=answers.classes[label],
        answer=answers.classes[answers.prediction[row]],
        sure=float(shares.max()),
        given=float(shares[label]),
        seed=int(answers.seed[row]),
    )


def thumbnails(connection: Any, utt_ids: list[str]) -> dict[str, str]:
    """Spectrograms as PNG data addresses, of those utterances whose rows are on this machine."""
    import duckdb

    try:
        rows = connection.execute(
            "SELECT utt_id, frames, mel FROM mel WHERE view = 'original' AND utt_id IN "
            "(SELECT unnest($ids))",
            {"ids": utt_ids},
        ).fetchall()
    except duckdb.Error:  # shards that were not pulled
        return {}
    return {
        utt_id: _png(np.asarray(mel, np.float32).reshape(frames, -1))
        for utt_id, frames, mel in rows
    }


def _png(mel: NDArray[np.float32]) -> str:
    from matplotlib import colormaps
    from PIL import Image

    width, height = THUMBNAIL
    picture = _fewer(_fewer(mel, width).T, height)[::-1]  # high frequencies above
    low, high = np.percentile(picture, [2, 99.5])
    shade = np.clip((picture - low) / max(float(high - low), 1e-6), 0, 1)
    coloured = (colormaps["magma"](shade)[..., :3] * 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(coloured).quantize(64).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _fewer(rows: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """At most so many rows, each the mean of a stretch."""
    edges = np.linspace(0, len(rows), min(most, len(rows)) + 1).astype(int)
    sums = np.add.reduceat(rows, edges[:-1], axis=0)
    return np.asarray(sums / np.diff(edges)[:, None], np.float32)

"""What there is to say about a manifest, and when it is too little to go on with."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import layout


class ManifestError(ValueError):
    """Too much of a corpus was rejected."""


@dataclass(frozen=True)
class Summary:
    """What there is to say about a manifest in one line."""

    corpus: str
    utterances: int
    rejected: Mapping[str, int]  # reason -> utterances
    hours: float
    sample_rates: Mapping[int, int]  # Hz -> utterances
    stereo: int  # utterances of more than one channel; they are mixed down later
    same_audio: int  # utterances whose audio another one has too
    labels: Mapping[str, int]  # emotion -> utterances; "" for those without a label
    files_read: int  # the others were known from the last time
    seconds: float  # that it took

    def __str__(self) -> str:
        """One line for the log."""
        rejected = sum(self.rejected.values())
        rates = ", ".join(f"{n} at {hz} Hz" for hz, n in self.sample_rates.items()) or "no audio"
        return (
            f"manifest {self.corpus}: {self.utterances} utterances, {self.hours:.2f} h, "
            f"{rejected} rejected{_counts(self.rejected)}; {rates}; "
            f"{self.stereo} with several channels, {self.same_audio} with the audio of another, "
            f"{self.labels.get('', 0)} without label, "
            f"{self.files_read} files read, {self.seconds:.1f} s"
        )


def summarise(
    corpus: str, utterances: pa.Table, rejected: pa.Table, *, files_read: int, seconds: float
) -> Summary:
    """Count what is worth a line in the log."""
    copies = pc.value_counts(utterances["audio_key"]).field("counts")
    return Summary(
        corpus=corpus,
        utterances=len(utterances),
        rejected=_counted(rejected["reason"].to_pylist()),
        hours=(pc.sum(utterances["duration_s"]).as_py() or 0) / 3600,
        sample_rates=_counted(utterances["sample_rate"].to_pylist()),
        stereo=pc.sum(pc.greater(utterances["channels"], 1)).as_py() or 0,
        same_audio=pc.sum(copies.filter(pc.greater(copies, 1))).as_py() or 0,
        labels=_counted([label or "" for label in utterances["label"].to_pylist()]),
        files_read=files_read,
        seconds=seconds,
    )


def require_few_rejects(summary: Summary, rejected: pa.Table, max_reject_fraction: float) -> None:
    """Stop if too much was rejected.

    Raises:
        ManifestError: too much, or all; names the first ten rejects.
    """
    kept, lost = summary.utterances, len(rejected)
    if kept and lost <= max_reject_fraction * (kept + lost):
        return
    first = "".join(
        f"\n  {row['path']}: {row['reason']}: {row['detail']}"
        for row in rejected.slice(0, 10).to_pylist()
    )
    allowed = math.floor(max_reject_fraction * (kept + lost))
    bound = f"max_reject_fraction {max_reject_fraction:g} allows {allowed}"
    remedy = (
        "Repair or remove them in the corpus, or raise `manifest.max_reject_fraction` in "
        "params.yaml"
    )
    if not kept:
        bound = "no utterance is left"
        remedy = "Repair them in the corpus, or correct its entry under `corpora` in params.yaml"
    raise ManifestError(
        f"{summary.corpus}: {lost} of {kept + lost} utterances rejected"
        f"{_counts(summary.rejected)}, {bound}. The first of them:{first}\n"
        f"All are in {layout.rejects(summary.corpus)}. {remedy}."
    )


def _counted(names: Sequence[Any]) -> dict[Any, int]:
    return dict(sorted(Counter(names).items()))


def _counts(rejected: Mapping[str, int]) -> str:
    return f" ({', '.join(f'{reason} {n}' for reason, n in rejected.items())})" if rejected else ""

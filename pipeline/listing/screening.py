"""The checks an utterance must pass to enter the manifest. Each finds rejections, none mends."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline import labels
from pipeline.labels import Names
from pipeline.listing.recordings import Recording
from pipeline.listing.rejects import Rejection
from pipeline.listing.utterance import Utterance


@dataclass(frozen=True)
class ManifestParams:
    """What an utterance must be like.

    Raises:
        ValueError: a bound makes no sense.
    """

    min_duration_s: float
    max_duration_s: float
    silence_db: float  # a peak below it (0 = full scale) is silence
    max_reject_fraction: float  # of a corpus's utterances, 0 to 1

    def __post_init__(self) -> None:
        """Check that the bounds can be met."""
        least, most, share = self.min_duration_s, self.max_duration_s, self.max_reject_fraction
        wrong = {
            f"min_duration_s {least:g}, expected 0 or more": least < 0,
            f"max_duration_s {most:g}, expected more than min_duration_s {least:g}": most <= least,
            f"silence_db {self.silence_db:g}, expected 0 (full scale) or less": self.silence_db > 0,
            f"max_reject_fraction {share:g}, expected 0 to 1": not 0 <= share <= 1,
        }
        if problems := [problem for problem, true in wrong.items() if true]:
            raise ValueError(f"`manifest` in params.yaml: found {'; '.join(problems)}")


LOUDEST = 4.0  # a peak, 1 = full scale; float recordings may be a little over


def twice(found: Sequence[Utterance], ids: Sequence[str]) -> dict[int, Rejection]:
    """Utterances that share their id, by index: which of them to keep is not ours to choose."""
    count = Counter(ids)
    owners: defaultdict[str, list[int]] = defaultdict(list)
    for i, utt_id in enumerate(ids):
        if count[utt_id] > 1:
            owners[utt_id].append(i)
    rejected: dict[int, Rejection] = {}
    for utt_id, rows in owners.items():
        paths = ", ".join(sorted({found[i].path for i in rows}))
        detail = (
            f"{len(rows)} utterances are called {utt_id} ({paths}); rename or remove all but one"
        )
        rejected |= dict.fromkeys(rows, Rejection("duplicate-id", detail))
    return rejected


def misnamed(found: Sequence[Utterance]) -> dict[int, Rejection]:
    """Utterances, by index, whose name told their reader nothing."""
    return {i: Rejection("unknown-name", u.fault) for i, u in enumerate(found) if u.fault}


def unmapped(found: Iterable[Utterance], known: Names) -> dict[str, int]:
    """Raw labels, of utterances and of single raters, that `known` does not hold; how often."""
    names: Counter[str] = Counter()
    for utterance in found:
        names.update({utterance.raw_label or "", *(utterance.soft_label or ())})
        names.update(raw for vote in utterance.votes or () for raw in vote.labels)
    strange = (raw for raw in names if raw.strip() and labels.plain(raw) not in known)
    return {raw: names[raw] for raw in sorted(strange)}


def wordless(found: Sequence[Utterance]) -> dict[int, Rejection]:
    """Utterances without a transcript, by index."""
    detail = "found no transcript, and params.yaml has `require_transcript: true` for this corpus"
    return {
        i: Rejection("missing-transcript", detail)
        for i, utterance in enumerate(found)
        if not (utterance.transcript or "").strip()
    }


def judge(recording: Recording, params: ManifestParams) -> Recording | Rejection:
    """The recording, or why its sound is of no use."""
    if not recording.finite:
        return Rejection("not-finite", "found NaN or infinite samples; export the file again")
    peak_db = 20 * math.log10(recording.peak) if recording.peak > 0 else -math.inf
    if peak_db < params.silence_db:
        bound = f"{params.silence_db:g} dB (manifest.silence_db)"
        return Rejection("silent", f"found a peak of {peak_db:.1f} dB, expected at least {bound}")
    if recording.peak > LOUDEST:
        return Rejection(
            "too-loud",
            f"found a peak of {recording.peak:.0f}, expected about 1 (full scale): the file holds "
            "floats on an integer scale; export it again",
        )
    if recording.duration_s < params.min_duration_s:
        bound = f"at least {params.min_duration_s:g} s (manifest.min_duration_s)"
        return Rejection("too-short", f"found {recording.duration_s:.3f} s, expected {bound}")
    if recording.duration_s > params.max_duration_s:
        bound = f"at most {params.max_duration_s:g} s (manifest.max_duration_s)"
        return Rejection("too-long", f"found {recording.duration_s:.3f} s, expected {bound}")
    return recording

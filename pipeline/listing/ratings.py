"""What follows from the votes of several raters: a soft label, and how far they agreed.

A rater's vote counts as one: who names several labels gives each an equal part. Votes for a label
that stands for no emotion (a `Gap`) count for nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pipeline.labels import Names, emotion
from pipeline.listing.utterance import Utterance, Vote

Shares = dict[str, float]


def shares(utterance: Utterance, known: Names) -> Shares | None:
    """Share of each emotion, sorted by name, adding up to 1; None where nobody named one.

    What the corpus gives as its own `soft_label` comes first, single votes after it.
    """
    weights = utterance.soft_label or _weights(utterance.votes or ())
    found: defaultdict[str, float] = defaultdict(float)
    for raw, weight in weights.items():
        if (name := emotion(known, raw)) is not None:
            found[name] += weight
    total = sum(found.values())
    return {name: weight / total for name, weight in sorted(found.items())} if total else None


def agreement(utterance: Utterance, soft: Mapping[str, float] | None, known: Names) -> float | None:
    """The share of the raters who named the leading emotion, 0 to 1; None without `soft` label."""
    if not soft:
        return None
    named = [{emotion(known, raw) for raw in v.labels} - {None} for v in utterance.votes or ()]
    named = [emotions for emotions in named if emotions]
    if not named:
        return max(soft.values())
    return max(sum(name in emotions for emotions in named) for name in soft) / len(named)


def _weights(votes: Sequence[Vote]) -> dict[str, float]:
    weights: defaultdict[str, float] = defaultdict(float)
    for vote in votes:
        for raw in vote.labels:
            weights[raw] += 1 / len(vote.labels)
    return weights

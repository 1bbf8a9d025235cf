"""What follows from the votes of several raters: a soft label, and how far they agreed.

A rater's vote counts as one: who names several labels gives each an equal part. Votes for a label
that stands for no emotion (a `Gap`) count for nothing.
"""

from collections import defaultdict
from collections.abc import Iterable

from pipeline.labels import Names, emotion
from pipeline.listing.utterance import Utterance, Vote

Shares = dict[str, float]


def shares(utterance: Utterance, known: Names) -> Shares | None:
    """Share of each emotion, sorted by name, adding up to 1; None where nobody named one.

    What the corpus gives as its own `soft_label` comes first, single votes after it.
    """
    found: defaultdict[str, float] = defaultdict(float)
    if utterance.soft_label:
        for raw, weight in utterance.soft_label.items():
            if (name := emotion(known, raw)) is not None:
                found[name] += weight
    else:
        for named in _named(utterance.votes or (), known):
            for name in named:
                found[name] += 1 / len(named)
    total = sum(found.values())
    return {name: weight / total for name, weight in sorted(found.items())} if total else None


def agreement(utterance: Utterance, soft: Shares | None, known: Names) -> float | None:
    """The share of the raters who named the leading emotion, 0 to 1; None without `soft` label."""
    if not soft:
        return None
    named = _named(utterance.votes or (), known)
    if utterance.soft_label or not named:
        return max(soft.values())
    return max(sum(name in emotions for emotions in named) for name in soft) / len(named)


def _named(votes: Iterable[Vote], known: Names) -> list[set[str]]:
    """The emotions that each rater named, of those who named any."""
    all_of = ({name for raw in v.labels if (name := emotion(known, raw))} for v in votes)
    return [emotions for emotions in all_of if emotions]

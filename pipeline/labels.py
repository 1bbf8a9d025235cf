"""Names of emotions: the project's own, those of corpora, and the classes of a task.

Every corpus names emotions its own way. A reader passes the raw name on; the manifest stores it
beside one of the canonical `EMOTIONS`; a task says which canonical emotions make up its classes.
The names themselves are in `pipeline/label_tables.py`.
"""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.label_tables import EMOTIONS, TABLES, TASKS, Gap

Names = Mapping[str, str | Gap]  # raw label, as `plain` gives it -> emotion


MAX_NAMED = 20  # raw labels in one message


class LabelError(ValueError):
    """A label or a task names an emotion that does not exist, or one emotion twice."""


def plain(name: str) -> str:
    """A raw label as it is looked up: case, width and surrounding space do not matter.

    >>> plain(" Anger "), plain("ＡＮＧ")
    ('anger', 'ang')
    """
    return unicodedata.normalize("NFKC", name).strip().casefold()


def table(reader: str, additions: Mapping[str, str | None] | None) -> Names:
    """Raw label (as `plain` gives it) -> emotion, for one corpus; `additions` come first.

    An addition of None says that the raw label stands for no emotion.

    Raises:
        LabelError: an addition names an unknown emotion, or one raw label is mapped to two.
    """
    own: dict[str, str | Gap] = {}
    for raw, name in (additions or {}).items():
        if name is not None:
            _require_known(name, f"labels: {raw!r}")
        found = Gap("by `labels` of params.yaml") if name is None else name
        if own.setdefault(plain(raw), found) != found:
            raise LabelError(
                f"labels: {raw!r} is mapped to two emotions; "
                "letter case does not tell raw labels apart: keep one of the two"
            )
    return {plain(raw): name for raw, name in TABLES[reader].items()} | own


def emotion(known: Names, raw: str | None) -> str | None:
    """The emotion that a raw label stands for; None for no label and for a `Gap`."""
    found = known[plain(raw)] if raw and raw.strip() else None
    return None if isinstance(found, Gap) else found


def require_mapped(corpus: str, reader: str, strange: Mapping[str, int], known: Names) -> None:
    """Stop when there are raw labels that `known` does not hold.

    Raises:
        LabelError: with their numbers, the table as it is, and the lines that extend it.
    """
    if not strange:
        return
    first = dict(list(strange.items())[:MAX_NAMED])
    more = f" and {len(strange) - MAX_NAMED} more" if len(strange) > MAX_NAMED else ""
    counted = ", ".join(f"{raw!r} ({n})" for raw, n in first.items()) + more
    lines = "".join(f"\n        {json.dumps(raw, ensure_ascii=False)}: ?" for raw in first)
    raise LabelError(
        f"corpora.{corpus}: found raw labels that stand for no emotion yet: {counted}. "
        f"The table of the reader {reader!r} has\n{_printed(known)}\n"
        f"Extend it in params.yaml, with one of {', '.join(EMOTIONS)} for each "
        f"(or null for none of them):\n  corpora:\n    {corpus}:\n      labels:{lines}"
    )


def _printed(known: Names) -> str:
    """A table for people: a line for each emotion, then for each reason for a gap."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for raw, found in known.items():
        names[f"none, {found.reason}" if isinstance(found, Gap) else found].append(raw)
    return "\n".join(f"  {found}: {', '.join(raws)}" for found, raws in names.items())


@dataclass(frozen=True)
class Task:
    """A classification problem: its classes in order, each made of canonical emotions.

    Raises:
        LabelError: a class is empty, an emotion is unknown or belongs to two classes.
    """

    classes: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        """Check that every emotion has at most one class."""
        owner: dict[str, str] = {}
        for name, emotions in self.classes.items():
            if not emotions:
                raise LabelError(f"class {name!r} has no emotion: list at least one")
            for emotion in emotions:
                _require_known(emotion, f"class {name!r}")
                if emotion in owner:
                    raise LabelError(
                        f"class {name!r}: {emotion!r} already belongs to class "
                        f"{owner[emotion]!r}; an emotion can be in one class only"
                    )
                owner[emotion] = name
        if len(self.classes) < 2:
            raise LabelError(f"found {len(self.classes)} classes, expected two or more")

    @property
    def index(self) -> dict[str, int]:
        """Emotion -> index of its class; emotions outside the task are absent."""
        return {e: i for i, emotions in enumerate(self.classes.values()) for e in emotions}

    def shares(self, soft: Mapping[str, float]) -> list[float] | None:
        """The raters' shares of each class, adding up to 1; None if they chose no class of it."""
        votes = [sum(soft.get(e, 0.0) for e in emotions) for emotions in self.classes.values()]
        total = sum(votes)
        return [v / total for v in votes] if total > 0 else None


def task(classes: str | Mapping[str, tuple[str, ...]]) -> Task:
    """A task by its classes, or by a name of `TASKS`.

    Raises:
        LabelError: there is no such name, or the classes make no sense.
    """
    if not isinstance(classes, str):
        return Task(classes)
    if classes not in TASKS:
        raise LabelError(
            f"classes: found {classes!r}, expected one of {', '.join(TASKS)}, or a mapping of "
            "class to emotions such as {up: [angry, happy], down: [sad]}"
        )
    return Task(TASKS[classes])


def _require_known(emotion: str, where: str) -> None:
    if emotion not in EMOTIONS:
        known = ", ".join(EMOTIONS)
        raise LabelError(f"{where}: found emotion {emotion!r}, expected one of {known}")

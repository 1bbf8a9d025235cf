"""How a split is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

NEEDS: dict[str, tuple[str, ...]] = {  # protocol -> what it cannot do without
    "random": ("seed", "test_fraction", "val_fraction"),
    "speaker": ("seed", "val_fraction"),
    "session": ("seed", "val_fraction"),
    "corpus": ("seed", "val_fraction"),
    "session_paper": (),
    "official": (),
    "folds": (),
}
OWN = ("official", "folds")  # protocols that take what the corpora say
GROUPS = {  # protocol -> the column whose values stay on one side
    "speaker": "speaker",
    "session": "session",
    "session_paper": "session",
}
CHOSEN_ON_TEST = ("session_paper",)  # protocols whose test part is their validation part too
SUBSETS = ("train", "val", "test")
TRAIN, VAL, TEST = range(len(SUBSETS))
MAX_FOLDS = 1000


class SplitError(ValueError):
    """The corpora cannot be split as the params ask."""


@dataclass(frozen=True)
class SplitParams:
    """One entry of `splits` in params.yaml; what a protocol does not use is left out (None).

    Raises:
        SplitError: a protocol lacks what it needs or has what it does not use, or a value is out of
            bounds.
    """

    protocol: Literal[
        "random", "speaker", "session", "session_paper", "corpus", "official", "folds"
    ]
    folds: int | None = None  # random: None is 1; speaker, session: None leaves one out each time
    val_fraction: float | None = None  # random: of all; else of what is not test
    test_fraction: float | None = None  # random: of all
    seed: int | None = None
    train_fraction: float | None = None  # of the training part that is trained on; None: all

    def __post_init__(self) -> None:
        """Check that the values fit the protocol and each other."""
        if problem := next(_problems(self), None):
            raise SplitError(f"`splits` in params.yaml: protocol {self.protocol!r} {problem}")


def group_of(protocol: str) -> str | None:
    """The column whose values may not be both in test and in training, if a protocol has one."""
    return GROUPS.get(protocol)


def _problems(params: SplitParams) -> Iterator[str]:
    needed = NEEDS[params.protocol]
    if lacking := [name for name in needed if getattr(params, name) is None]:
        yield f"needs {' and '.join(lacking)}, found none; add it"
    if params.protocol in OWN and params.folds is not None:
        yield "has no folds but those of the corpus; remove `folds`"
    if params.protocol in CHOSEN_ON_TEST and params.val_fraction is not None:
        yield "validates on its test part; remove `val_fraction`"
    if params.protocol != "random" and params.test_fraction is not None:
        yield "does not draw its test part; remove `test_fraction`"
    if params.train_fraction is not None and params.seed is None:
        yield "draws train_fraction and needs seed, found none; add it"
    if params.protocol == "corpus" and params.folds is not None:
        yield "has a fold for each pair of corpora; remove `folds`"
    for name in ("val_fraction", "test_fraction", "train_fraction"):
        share = getattr(params, name)
        if share is not None and not 0 < share < 1:
            yield f"has {name} {share}, expected a share between 0 and 1"
    least = 1 if params.protocol == "random" else 2
    if params.folds is not None and not least <= params.folds <= MAX_FOLDS:
        yield f"has folds {params.folds}, expected {least} to {MAX_FOLDS}, or none"
    test, val = params.test_fraction or 0, params.val_fraction or 0
    if test + val >= 1:
        yield "leaves nothing to train on; lower val_fraction or test_fraction"
    if (params.folds or 1) * test > 1 + 1e-9:
        yield f"would test {params.folds} x {test:g} of the data, expected at most all of it"

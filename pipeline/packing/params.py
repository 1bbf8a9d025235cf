"""How a tensor cache is asked for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskParams:
    """What is to be told apart, and from which texts."""

    classes: dict[str, tuple[str, ...]]  # class -> canonical labels, in the order of the classes
    sources: tuple[str, ...]  # text sources packed; none = audio alone
    max_frames: int  # spectrograms are cut at the end beyond this

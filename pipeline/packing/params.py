"""How a tensor cache is asked for."""

from dataclasses import dataclass
from typing import Literal

from pipeline.labels import Task, task

Dimension = Literal["arousal", "valence", "dominance"]


@dataclass(frozen=True)
class TaskParams:
    """What is to be told apart, and from which texts."""

    classes: str | dict[str, tuple[str, ...]]  # a name of `TASKS`, or class -> emotions, in order
    sources: tuple[str, ...]  # text sources packed; none = audio alone
    dimensions: tuple[Dimension, ...]  # ratings packed beside the class; none where not learned
    max_frames: int  # spectrograms are cut at the end beyond this

    @property
    def task(self) -> Task:
        """The classes, each made of canonical emotions.

        Raises:
            LabelError: there is no task of this name, or the classes make no sense.
        """
        return task(self.classes)

    def __post_init__(self) -> None:
        """Check where they are read: the classes, and that no dimension is named twice."""
        assert self.task
        if len(set(self.dimensions)) < len(self.dimensions):
            raise ValueError(f"dimensions: {list(self.dimensions)} names one twice")

"""How a tensor cache is asked for."""

from dataclasses import dataclass

from pipeline.labels import Task, task


@dataclass(frozen=True)
class TaskParams:
    """What is to be told apart, and from which texts."""

    classes: str | dict[str, tuple[str, ...]]  # a name of `TASKS`, or class -> emotions, in order
    sources: tuple[str, ...]  # text sources packed; none = audio alone
    max_frames: int  # spectrograms are cut at the end beyond this

    @property
    def task(self) -> Task:
        """The classes, each made of canonical emotions.

        Raises:
            LabelError: there is no task of this name, or the classes make no sense.
        """
        return task(self.classes)

    def __post_init__(self) -> None:
        """Check the classes where they are read."""
        assert self.task

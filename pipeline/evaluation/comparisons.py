"""What stands on the command line of `vcemo compare`, resolved and compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.evaluation.answers import NoClassesError
from pipeline.evaluation.compare import Comparison, ComparisonError, compare
from pipeline.evaluation.completeness import warnings_about
from pipeline.evaluation.ratings import DimensionDifference, Rated, compare_rated, read_rated
from pipeline.evaluation.revisions import RevisionError, Snapshot, answers_at, parse, snapshot


@dataclass(frozen=True)
class Side:
    """A run at a revision."""

    revision: str
    commit: str  # in full; "" for the working tree
    run: str
    normalisation: str | None  # whose statistics scale its spectrograms; None: none or unknown
    members: int  # networks that answer together

    def __str__(self) -> str:
        """As it can be given on the command line."""
        return f"{self.revision}:{self.run}"


@dataclass(frozen=True)
class Compared:
    """Two sides and how they compare."""

    a: Side
    b: Side
    found: Comparison | None  # of classes; None: a side tells none apart
    dimensions: tuple[DimensionDifference, ...]  # that both learned
    warnings: tuple[str, ...]  # what a reader must know


def compare_named(a: str, b: str, run: str | None, known: Sequence[str]) -> list[Compared]:
    """Compare two runs, or every run that two revisions share.

    Args:
        run: which, where a side names a revision alone.
        known: the runs of params.yaml, which come before revisions of the same name.

    Raises:
        RevisionError: a side is not there.
        ComparisonError: the sides differ in task or test set.
    """
    (rev_a, run_a), (rev_b, run_b) = (parse(text, known) for text in (a, b))
    places = snapshot(rev_a), snapshot(rev_b)
    pairs = _pairs(places, (run_a or run or run_b, run_b or run or run_a))
    return [_compared(places, names) for names in pairs]


def _pairs(
    places: tuple[Snapshot, Snapshot], names: tuple[str | None, str | None]
) -> Iterator[tuple[str, str]]:
    if names[0] is not None and names[1] is not None:
        yield names[0], names[1]
        return
    first, second = (place.runs() for place in places)
    if not (shared := [name for name in first if name in second]):
        told = "; ".join(
            f"{place.name} has {', '.join(runs) or 'no predictions'}"
            for place, runs in zip(places, (first, second), strict=True)
        )
        raise RevisionError(f"no run is on both sides: {told}")
    yield from ((name, name) for name in shared)


def _compared(places: tuple[Snapshot, Snapshot], runs: tuple[str, str]) -> Compared:
    facts = [place.facts(run) for place, run in zip(places, runs, strict=True)]
    a, b = (
        Side(place.name, place.at, run, told.get("normalisation"), told.get("members", 1))
        for place, run, told in zip(places, runs, facts, strict=True)
    )
    try:
        _refuse_other_task(*facts)
        found = _compare_classes(places, runs)
        dimensions = _compare_dimensions(places, runs)
        if found is None and not dimensions:
            raise ComparisonError("neither classes nor a dimension was learned on both sides")
    except ComparisonError as error:
        raise ComparisonError(f"A = {a}, B = {b}: {error}") from error
    sides = zip("AB", places, runs, strict=True)
    warnings = tuple(f"{name}: {told}" for name, p, run in sides for told in warnings_about(p, run))
    return Compared(a, b, found, dimensions, warnings)


def _compare_classes(places: tuple[Snapshot, Snapshot], runs: tuple[str, str]) -> Comparison | None:
    try:
        first, second = (answers_at(p, run) for p, run in zip(places, runs, strict=True))
    except NoClassesError:
        return None
    return compare(first, second)


def _compare_dimensions(
    places: tuple[Snapshot, Snapshot], runs: tuple[str, str]
) -> tuple[DimensionDifference, ...]:
    """Each dimension of both sides, over the utterances that are rated on it."""
    first, second = (_rated(p, run) for p, run in zip(places, runs, strict=True))
    return tuple(compare_rated(first[d], second[d]) for d in first if d in second)


def _rated(place: Snapshot, run: str) -> dict[str, Rated]:
    connection = place.connection([run], utterances=False)
    return {rated.dimension: rated for rated in read_rated(connection, run)}


def _refuse_other_task(a: Mapping[str, Any], b: Mapping[str, Any]) -> None:
    tasks = a.get("task"), b.get("task")
    if None not in tasks and tasks[0] != tasks[1]:
        raise ComparisonError(
            f"different tasks: A is of {tasks[0]!r}, B of {tasks[1]!r}; compare runs of one task"
        )

"""What the params expect of runs, compared with what they are."""

from collections.abc import Iterator, Mapping

from pipeline.evaluation.bootstrap import Estimate
from pipeline.evaluation.runscores import TITLES
from pipeline.params import Bounds

Pooled = Mapping[str, Mapping[str, Estimate]]  # run -> score -> estimate


def check_expectations(expect: Mapping[str, Bounds], pooled: Pooled) -> list[str]:
    """The bounds that pooled scores break, each as a sentence.

    Raises:
        KeyError: a bound names a run without scores.
    """
    return list(_violations(expect, pooled))


def _violations(expect: Mapping[str, Bounds], pooled: Pooled) -> Iterator[str]:
    for run, bounds in expect.items():
        for name, bound in vars(bounds).items():
            metric, _, side = name.rpartition("_")
            if bound is None:
                continue
            value = pooled[run][metric].value
            if value is None:
                yield f"{run}: {TITLES[metric]} is not defined ({pooled[run][metric].why})"
            elif value < bound if side == "min" else value > bound:
                wanted = "at least" if side == "min" else "at most"
                yield f"{run}: {TITLES[metric]} is {value:.3f}, expected {wanted} {bound:g}"

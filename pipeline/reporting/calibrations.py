"""Facts of the section on calibration and selective answering."""

from typing import Any

from pipeline.evaluation.calibration import at_coverages, calibrate, selective
from pipeline.reporting.charts import coverage_chart, reliability_chart
from pipeline.reporting.context import Context, Evaluated


def facts(context: Context) -> dict[str, Any] | None:
    """Whether the probabilities of each run mean what they say."""
    if not context.runs:
        return None
    accuracies = {run.name: selective(run.answers) for run in context.runs}
    return {
        "runs": [_run(run) for run in context.runs],
        "coverage": {run: at_coverages(found) for run, found in accuracies.items()},
        "chart": coverage_chart(accuracies),
    }


def _run(run: Evaluated) -> dict[str, Any]:
    found = calibrate(run.answers, run.validation)
    values = [t.value for t in found.temperatures if t.value is not None]
    return {
        "name": run.name,
        "found": found,
        "temperatures": (min(values), max(values)) if values else None,
        "chart": reliability_chart(run.name, found.reliability, found.scaled),
    }

"""The report: one HTML file that needs nothing else, and the table of metrics on the console.

It is computed from the runs' predictions and the store. Nothing in it tells when or where it was
made, so the same results give the same bytes.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline import labels, layout
from pipeline.catalog import Catalog
from pipeline.evaluation.answers import AnswersError, NoClassesError
from pipeline.evaluation.ratings import AGREEMENTS
from pipeline.evaluation.runscores import TITLES
from pipeline.files import appearing
from pipeline.params import ReportParams, RunParams
from pipeline.query import connect
from pipeline.reporting.context import Context, Evaluated, evaluated, rated
from pipeline.reporting.expectations import check_expectations
from pipeline.reporting.facts import METRICS, read_metrics, split_title
from pipeline.reporting.machine import machine_facts
from pipeline.reporting.sections import SECTIONS

TEMPLATES = Path(__file__).parent / "reporting" / "templates"
TITLE = "Speech emotion recognition: report"


@dataclass(frozen=True)
class Extras:
    """What a page to pass on may have besides; it is not the one that DVC keeps."""

    out: Path
    roots: Mapping[str, Path]  # corpus -> where its recordings lie
    clips: int  # recordings in it
    machine: bool  # whether it tells commit, versions, hardware and times


def write_report(
    catalog: Catalog,
    runs: Mapping[str, RunParams],
    report: ReportParams,
    settings: Mapping[str, Any],
    extras: Extras | None = None,
) -> list[str]:
    """Write the page from the runs' predictions and from the store.

    Args:
        settings: all params as plain values, to be shown.
        extras: None for the page that DVC keeps, the same on any machine.

    Returns:
        What the runs do not meet of the expectations.

    Raises:
        FileNotFoundError: a run has not been evaluated.
        AnswersError: the predictions of a run cannot be scored.
    """
    context = gather(catalog, runs, report, settings)
    out = layout.REPORT
    if extras is not None:
        machine = machine_facts(list(runs)) if extras.machine else {}
        context = replace(context, roots=extras.roots, clips=extras.clips, machine=machine)
        out = extras.out
    found = ((section, section.facts(context)) for section in SECTIONS)
    page = _template().render(
        title=TITLE,
        notes=report.notes,
        sections=[
            {"id": section.id, "title": section.title, "facts": facts}
            for section, facts in found
            if facts is not None
        ],
    )
    with appearing(out) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return check_expectations(report.expect, {run.name: run.scores.pooled for run in context.runs})


def gather(
    catalog: Catalog,
    runs: Mapping[str, RunParams],
    report: ReportParams,
    settings: Mapping[str, Any],
) -> Context:
    """The store and the evaluated runs, for the sections to ask."""
    splits = {read_metrics(name)["split"] for name in runs}
    connection = connect(
        catalog,
        {name: layout.split(name) for name in splits},
        {name: layout.predictions(name) for name in runs},
        {},
    )
    found = []
    for name, params in runs.items():
        with suppress(NoClassesError):  # its dimensions are scored below
            found.append(evaluated(connection, name, params, _emotions(settings, params.task)))
            _refuse_other_task(found[-1], settings)
    on_dimensions = (
        rated(connection, name, params, _emotions(settings, params.task))
        for name, params in runs.items()
    )
    return Context(
        connection,
        catalog,
        tuple(found),
        report,
        settings,
        rated=tuple(run for run in on_dimensions if run),
    )


def _emotions(settings: Mapping[str, Any], task: str) -> list[str]:
    """The labels that a task makes its classes of."""
    return list(labels.task(settings["tasks"][task]["classes"]).index)


def _refuse_other_task(run: Evaluated, settings: Mapping[str, Any]) -> None:
    """Raise if the predictions of a run are of another task than the params say."""
    classes = tuple(labels.task(settings["tasks"][run.params.task]["classes"]).classes)
    if set(classes) != set(run.answers.classes):
        raise AnswersError(
            f"run {run.name!r}: its predictions tell apart {', '.join(run.answers.classes)}; its "
            f"task {run.params.task!r} in params.yaml {', '.join(classes)}; "
            f"run `dvc repro evaluate@{run.name}`"
        )


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> Any:
    """A rich table of the runs' pooled metrics, in the order given."""
    from rich.table import Table

    table = Table(
        title="Test parts, all folds and seeds pooled",
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column("run", no_wrap=True)
    table.add_column("inputs", min_width=6)
    for name in METRICS:
        table.add_column(TITLES[name].replace(" ", "\n"), justify="right", no_wrap=True)
    table.add_column("n", justify="right")
    several = any(_members(found) > 1 for found in metrics.values())
    if several:
        table.add_column("nets", justify="right", no_wrap=True)
    table.add_column("norm.\nby", no_wrap=True)
    table.add_column("split", overflow="fold")
    for run, found in metrics.items():
        scores = [_figure(found["pooled"][name]) for name in METRICS]
        inputs = " ".join(found["modalities"])
        together = (str(_members(found)),) if several else ()
        told = (found["normalisation"] or "-", split_title(found))
        table.add_row(run, inputs, *scores, str(found["n"]), *together, *told)
    return table


def _members(found: Mapping[str, Any]) -> int:
    """How many networks answer together; metrics of before there were several do not tell."""
    members: int = found.get("members", 1)
    return members


def dimensions_table(metrics: Mapping[str, Mapping[str, Any]]) -> Any:
    """A rich table of how far the runs agree with ratings; None where none learned dimensions."""
    from rich.table import Table

    table = Table(
        title="\nDimensions", title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for name in ("run", "dimension"):
        table.add_column(name)
    for name in (*AGREEMENTS.values(), "n"):
        table.add_column(name, justify="right")
    for run, found in metrics.items():
        for dimension, scores in found.get("dimensions", {}).get("pooled", {}).items():
            cells = (_figure(scores[name]) for name in AGREEMENTS)
            table.add_row(run, dimension, *cells, str(scores["n"]))
    return table if table.row_count else None


def _figure(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is None or name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")

"""Looking at what came of it: the report, the table of scores, questions by SQL."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline import layout, params

app = typer.Typer()


@app.command()
def report(
    clips: Annotated[
        int, typer.Option(min=0, max=50, help="Recordings of mistakes in the page; mind licences.")
    ] = 0,
    machine: Annotated[
        bool, typer.Option("--machine", help="Tell commit, versions, hardware and times.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A page of its own, to pass on.")
    ] = None,
) -> None:
    """Write reports/index.html, print the paper's tables; fail if a run is outside its bounds.

    With --clips or --machine it is another page, reports/full.html, since that one is the same on
    any machine.
    """
    from rich.console import Console

    from pipeline import experiment

    out = output or (layout.FULL_REPORT if clips or machine else None)
    outside = experiment.report(params.load(), out, clips=clips, machine=machine)
    for table in experiment.paper_tables(params.load()):
        Console().print(table)
    typer.echo(f"report: {out or layout.REPORT}")
    if outside:
        bounds = "the bounds are in params.yaml under report.expect"
        raise ValueError("\n".join([*outside, bounds]))


@app.command()
def results() -> None:
    """Show the metrics of all runs, and where the report is."""
    from rich.console import Console

    from pipeline import experiment

    console = Console()
    for table in experiment.results(params.load()):
        console.print(table)
    typer.echo(f"report: {layout.REPORT}")


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT.")],
    form: Annotated[
        Literal["table", "csv", "json", "parquet"],
        typer.Option("--format", "-f", help="table, csv, json or parquet."),
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, in place of the screen.")
    ] = None,
    allow_files: Annotated[
        bool, typer.Option(help="Let the query read files outside the store.")
    ] = False,
) -> None:
    """Ask the store by SQL.

    Views: utterances, transcripts, views, mel, words, bert, asr_scores, splits, predictions.
    """
    from pipeline import experiment

    experiment.query(params.load(), sql, form, output, allow_files=allow_files)

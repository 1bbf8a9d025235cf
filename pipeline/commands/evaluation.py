"""Commands that score and compare predictions, of now or of any commit."""

from typing import Annotated, Literal

import typer

from pipeline import params
from pipeline.commands.options import Device

app = typer.Typer()

Form = Literal["text", "json", "markdown"]
Everything = Annotated[bool, typer.Option("--all", help="Every changed utterance and speaker.")]


@app.command()
def compare(
    a: Annotated[
        str, typer.Argument(help="A run, a revision (HEAD~1), or revision:run.", metavar="A")
    ],
    b: Annotated[
        str, typer.Argument(help="Likewise; `workspace` is what is here now.", metavar="B")
    ],
    run: Annotated[
        str | None, typer.Option(help="Which run, where revisions are named; default: all.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="For a pull request.")] = False,
    everything: Everything = False,
) -> None:
    """Compare two runs on the same utterances: scores, significance, what changed.

    Old predictions are read from git and DVC; the working tree stays as it is.
    """
    from pipeline.evaluation.comparisons import compare_named
    from pipeline.reporting.comparison import render

    if json and markdown:
        raise typer.BadParameter("--json or --markdown, not both")
    form: Form = "json" if json else "markdown" if markdown else "text"
    found = compare_named(a, b, run, list(params.load().runs))
    typer.echo(render(found, form, everything=everything))


@app.command()
def robustness(
    run: Annotated[str, typer.Argument(help="A run under `robustness` of params.yaml.")],
    device: Device = "auto",
) -> None:
    """Try a trained run under noise, without modalities and with other texts."""
    from pipeline import experiment

    typer.echo(experiment.robustness(params.load(), run, device))


@app.command()
def scores(
    run: Annotated[
        str, typer.Argument(help="A run, a revision:run, or a revision.", metavar="RUN")
    ],
    by: Annotated[
        str | None,
        typer.Option(help="A column of the manifest, duration, snr or wer:SOURCE: scores by it."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Scores of a run with their intervals, now or at any commit; by groups too."""
    from pipeline.evaluation.scoring import score_named
    from pipeline.reporting.scores import render

    typer.echo(render(score_named(run, by, list(params.load().runs)), as_json=json), nl=False)

"""The stages of dvc.yaml from the store to the scores of a run."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import backends, params
from pipeline.commands.options import Device

app = typer.Typer()

RunName = Annotated[str, typer.Argument(help="A run of params.yaml.", metavar="RUN")]


@app.command()
def split() -> None:
    """Give every utterance a subset in every fold; refuse splits that leak."""
    from pipeline import experiment

    typer.echo(experiment.make_splits(params.load()))


@app.command()
def pack(task: Annotated[str, typer.Argument(help="A task of params.yaml.")]) -> None:
    """Write the tensor cache of a task."""
    from pipeline import experiment

    typer.echo(experiment.pack_task(params.load(), task))


@app.command()
def train(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Runs of params.yaml.", metavar="RUN...")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All runs of params.yaml.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Folds trained at once; default VCEMO_WORKERS, else one per processor, on CUDA 1.",
        ),
    ] = None,
    device: Device = "auto",
    profile: Annotated[
        bool, typer.Option("--profile", help="Leave a trace of the first steps in data/speed.")
    ] = False,
    log: Annotated[
        str, typer.Option(envvar="VCEMO_LOG", help="Also to: tensorboard,wandb,mlflow,dvclive.")
    ] = "",
) -> None:
    """Train every fold and seed of some runs, side by side; what is trained stays.

    A run that fails takes no other along.
    """
    from pipeline.runs import train

    if every == bool(runs):
        raise typer.BadParameter("name some runs, or give --all")
    loaded = params.load()
    names = list(loaded.runs) if every else runs or []
    loggers = [name.strip() for name in log.split(",") if name.strip()]
    count = workers or backends.workers_asked_for()
    train(loaded, names, device, count, profile=profile, loggers=loggers)


@app.command("run-file")
def run_file(
    run: Annotated[
        str | None, typer.Argument(help="A run of params.yaml.", metavar="[RUN]")
    ] = None,
    every: Annotated[
        Path | None, typer.Option("--all", metavar="DIR", help="All runs, a file each in DIR.")
    ] = None,
) -> None:
    """Print a run as the JSON file that `python -m training` reads on another machine."""
    from pipeline import runs

    if (run is None) == (every is None):
        raise typer.BadParameter("name a run, or give --all DIR")
    if every is not None:
        typer.echo(runs.write_files(params.load(), every))
    elif run is not None:
        typer.echo(runs.as_file(params.load(), run), nl=False)


@app.command()
def evaluate(run: RunName, device: Device = "auto") -> None:
    """Predict the test utterances; write predictions, metrics and plots."""
    from pipeline import experiment

    typer.echo(experiment.evaluate(params.load(), run, device))

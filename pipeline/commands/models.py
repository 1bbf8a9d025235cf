"""Commands for the models that params.yaml names: which there are, and how they come here."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import params

app = typer.Typer(help="The models that params.yaml names.", no_args_is_help=True)


@app.command("list")
def models_list() -> None:
    """Show each model: its setting, revision, size and licence, and whether it is here."""
    from rich.console import Console

    from pipeline import models

    Console().print(models.table(models.listed(params.load())))


@app.command()
def fetch() -> None:
    """Download what is missing from the hub into data/hub, for use without a network."""
    from pipeline import models

    for line in models.fetch_missing(params.load()):
        typer.echo(line)


@app.command("import")
def import_directory(
    directory: Annotated[Path, typer.Argument(help="A model's directory.", metavar="DIR")],
    name: Annotated[str, typer.Argument(help="Its name under data/models.", metavar="NAME")],
) -> None:
    """Copy a model's directory to data/models/NAME, once it is known to be whole."""
    from pipeline import models

    allow_pickle = params.load().bert.allow_pickle
    typer.echo(models.import_directory(directory, name, allow_pickle=allow_pickle))

"""`vcemo profile`: whole variants of params.yaml."""

from typing import Annotated

import typer

from pipeline import layout

app = typer.Typer(help="Whole variants of params.yaml.", no_args_is_help=True)


@app.command("use")
def profile_use(
    name: Annotated[str, typer.Argument(help="A file of profiles/, without .yaml.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key.")
    ] = None,
) -> None:
    """Write a profile into params.yaml."""
    from pipeline import profiles

    profiles.use(name, changes or [])
    typer.echo(f"profile {name}: written to {layout.PARAMS}")


@app.command("list")
def profile_list() -> None:
    """Name the profiles."""
    from pipeline import profiles

    typer.echo("\n".join(profiles.names()))

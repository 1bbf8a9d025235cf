"""The command `words`: the stage (`vcemo words CORPUS`), and `vcemo words import FILE NAME`."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

_STAGE = "corpus"


class _StageFirst(TyperGroup):
    """`vcemo words CORPUS` is `vcemo words corpus CORPUS`: dvc.yaml and habit call it so."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the stage's name before a corpus, and before one called `corpus` where it is all."""
        named = bool(args) and args[0] in (*self.commands, "--help", "-h")
        if args and (not named or args == [_STAGE]):
            args = [_STAGE, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_StageFirst,
    help="Word vectors of each text of a corpus: `vcemo words CORPUS`.",
    no_args_is_help=True,
)


@app.command("import")
def import_vectors(
    file: Annotated[Path, typer.Argument(help="GloVe's text format; .gz and .zip too.")],
    name: Annotated[str, typer.Argument(help="Its name under data/models.", metavar="NAME")],
    language: Annotated[
        str, typer.Option(help="Whose tokenizer to use, ISO 639-1; xx for any language.")
    ] = "en",
    made_from: Annotated[
        str | None,
        typer.Option("--source", help="What the vectors are; default: the file's name."),
    ] = None,
) -> None:
    """Turn a file of word vectors into the spaCy directory data/models/NAME."""
    from pipeline import models

    typer.echo(models.import_vectors(file, name, language, made_from))

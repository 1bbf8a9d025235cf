"""The command `vcemo`: one command per stage of dvc.yaml, with the same names, and a few more.

Commands hold no logic: they read the params, call the stage and print its closing line. How fast
a stage runs (workers, device) is an option or an environment variable, never a param.
"""

import logging
import sys
from typing import Annotated

import typer

from pipeline.commands import (
    corpus,
    evaluation,
    models,
    profiles,
    results,
    splits,
    store,
    training,
    words,
)

app = typer.Typer(
    name="vcemo",
    help="Offline feature store and trainer for multimodal speech emotion recognition.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (store, training, results, evaluation):
    app.add_typer(commands.app)
for name, group in {
    "corpus": corpus,
    "words": words,
    "models": models,
    "splits": splits,
    "profile": profiles,
}.items():
    app.add_typer(group.app, name=name)


def main() -> None:
    """Run a command; a fault in the user's data or params ends in one message, not a traceback."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        app()
    except (ValueError, OSError) as error:
        if logging.getLogger().isEnabledFor(logging.DEBUG):
            raise
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="VCEMO_DEBUG", help="Tracebacks and details.")
    ] = False,
) -> None:
    logging.getLogger().setLevel(logging.DEBUG if debug else logging.INFO)
    for noisy in ("matplotlib", "numba", "httpx", "filelock", "faster_whisper"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

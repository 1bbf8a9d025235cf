"""`vcemo splits`: what the splits of params.yaml are worth."""

from typing import Annotated

import typer

app = typer.Typer(help="What the splits of params.yaml are worth.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `audit` a command of its own while it is the only one."""


@app.command()
def audit(
    names: Annotated[
        list[str] | None, typer.Argument(help="Splits of params.yaml; default: all.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="What may cross without a fault: sentence, speaker, ..."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, fold by fold.")] = False,
) -> None:
    """Tell what crosses from training to test: speakers, sentences, sessions, recordings.

    Ends with exit code 1 if anything does that is not allowed, and with 3 if nothing does but not
    all could be looked at: a corpus has no manifest yet, or a split cannot be made.
    """
    from pipeline import params
    from pipeline.splitting.audit_output import show_audits
    from pipeline.splitting.auditing import audit_splits

    audits = audit_splits(params.load(), names or [], allow or [])
    show_audits(audits, as_json=as_json)
    if any(found.faults for found in audits):
        raise typer.Exit(1)
    if not all(found.whole for found in audits):
        raise typer.Exit(3)

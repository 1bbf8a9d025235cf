"""Options that several commands share: how fast, and where."""

from typing import Annotated

import typer

Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Workers; default VCEMO_WORKERS, else all processors."),
]
Device = Annotated[
    str,
    typer.Option(envvar="VCEMO_DEVICE", help="auto (CUDA when there is one), cpu, cuda, cuda:1."),
]

"""`vcemo corpus`: bring a corpus in, and know what is in it."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Bring corpora in, and know what is in them.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A corpus of params.yaml.", metavar="NAME")]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="OURS=THEIRS", help="A column by another name."),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--map-label", metavar="RAW=EMOTION", help="What a raw label stands for."),
]
Language = Annotated[
    str | None, typer.Option(help="ISO 639-1, for utterances that do not tell theirs.")
]


@app.command("import")
def import_(
    form: Annotated[
        str,
        typer.Argument(
            help="emobox, audformat, kaldi, lhotse, huggingface or table.", metavar="FORMAT"
        ),
    ],
    source: Annotated[Path, typer.Argument(help="Where it lies; for huggingface also a name.")],
    name: Annotated[
        str | None, typer.Option(help="What to call it; default: as the source is called.")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="The folder that paths of audio start from.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The column, key or file that holds the emotion.")
    ] = None,
    column: Columns = None,
    map_label: Labels = None,
    language: Language = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the audio; default: link it.")] = False,
) -> None:
    """Bring in a corpus from another tool's files, and add it to params.yaml."""
    from pipeline.imports.importing import Request, run
    from pipeline.imports.items import Options, emotions, pairs

    options = Options(audio, label, pairs("--column", column or []))
    labels = emotions(pairs("--map-label", map_label or []))
    typer.echo(run(Request(form, source, name or source.stem, options, labels, language, copy)))

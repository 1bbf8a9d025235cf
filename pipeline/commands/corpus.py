"""`vcemo corpus`: bring a corpus in, and know what is in it."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import Workers

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
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


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


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    path: Annotated[Path, typer.Argument(help="Its folder, or its table.")],
    reader: Annotated[
        str | None,
        typer.Option(help="See `corpus list --readers`; default: the one called NAME, else table."),
    ] = None,
    language: Language = None,
    column: Columns = None,
    map_label: Labels = None,
    workers: Workers = None,
) -> None:
    """Add a corpus: link its folder, write its entry, make its manifest, show its card."""
    from pipeline import backends
    from pipeline.adding import Addition, add
    from pipeline.imports.items import emotions, pairs

    columns, labels = pairs("--column", column or []), pairs("--map-label", map_label or [])
    asked = Addition(name, path, reader, language, columns, emotions(labels))
    typer.echo(add(asked, workers or backends.default_workers()))
    show(name)
    typer.echo(f"\nIt is in params.yaml now. Next: vcemo corpus check {name}, then dvc repro")


@app.command("list")
def list_(
    readers: Annotated[bool, typer.Option("--readers", help="What there are readers for.")] = False,
) -> None:
    """Name the corpora of params.yaml, or those that there are readers for."""
    from pipeline import params
    from pipeline.inspection.roll import show_corpora, show_readers

    show_readers() if readers else show_corpora(params.load().corpora)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show the card of a corpus: counts, hours, histograms, licence, rejects; draw its picture."""
    from pipeline import params
    from pipeline.corpus import Corpus
    from pipeline.inspection.card import read_card
    from pipeline.inspection.card_output import show_card
    from pipeline.inspection.pictures import save_pictures

    corpus = Corpus.named(name, params.load())
    card = read_card(name, corpus.params.corpora[name].reader)
    show_card(card, save_pictures(card), as_json=as_json)


@app.command()
def check(name: Name, workers: Workers = None, as_json: AsJson = False) -> None:
    """Look for what is wrong: copies, parts that share speakers, clipping, silence, imbalance.

    Ends with exit code 1 if there is a fault, not for warnings.
    """
    from pipeline import backends, params
    from pipeline.corpus import Corpus
    from pipeline.inspection.checking import check_corpus, show_findings

    corpus = Corpus.named(name, params.load())
    findings = check_corpus(corpus, workers or backends.default_workers())
    show_findings(name, findings, as_json=as_json)
    if any(finding.weight == "fault" for finding in findings):
        raise typer.Exit(1)


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="See `corpus list --readers`.")],
    accept: Annotated[
        bool, typer.Option("--accept-licence", help="You have read the licence and agree.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep-archives", help="Keep what was fetched.")] = False,
) -> None:
    """Download a corpus that has a free source; of the others, say where to apply."""
    from pipeline.corpora import card
    from pipeline.downloads.downloading import download, require_free_source
    from pipeline.downloads.ledger import offered
    from pipeline.inspection.card_output import stated_lines

    stated = require_free_source(card(name), name)
    offers = [f"archive    {offered(archive)}" for archive in stated.archives]
    typer.echo("\n".join([stated.title, *stated_lines(stated), *offers]))
    if not accept:
        typer.echo("\nNothing is fetched yet: if you agree to the licence, add --accept-licence")
        raise typer.Exit(1)
    folder = download(stated, name, keep=keep)
    typer.echo(f"{folder}: downloaded. Next: vcemo corpus add {name} {folder}")


@app.command()
def export(
    name: Name,
    form: Annotated[str, typer.Argument(help="csv, huggingface or audformat.", metavar="FORMAT")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    feature: Annotated[
        list[str] | None, typer.Option(help="mel, words, bert_first, bert_mean; repeat for more.")
    ] = None,
    source: Annotated[str, typer.Option(help="Text source of words and BERT.")] = "reference",
    copy: Annotated[bool, typer.Option("--copy", help="Copy the audio; default: link it.")] = False,
) -> None:
    """Write a corpus with its features for other tools."""
    from pipeline import params
    from pipeline.corpus import Corpus
    from pipeline.exports.content import Request
    from pipeline.exports.exporting import export

    request = Request(tuple(feature or ()), source, copy)
    export(Corpus.named(name, params.load()), form, request, out)
    typer.echo(f"{out}: written")

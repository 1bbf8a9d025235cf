"""The stages of dvc.yaml that fill the store, corpus by corpus."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline import backends, params
from pipeline.commands import words as words_commands
from pipeline.commands.options import Workers
from pipeline.corpus import Corpus
from pipeline.devices import Speed

app = typer.Typer()

CorpusName = Annotated[str, typer.Argument(help="A corpus of params.yaml.", metavar="CORPUS")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be computed.")]


@app.command()
def demo(
    part: Annotated[Literal["corpus", "models"], typer.Argument(help="What to make.")],
) -> None:
    """Make the embedded demo's synthetic corpus, or its tiny untrained encoders."""
    from pipeline.demo.corpus import make_corpus
    from pipeline.demo.models import make_models

    parts = params.load().demo
    if part not in parts:
        raise params.ParamsError(f"demo: {part!r} is switched off in params.yaml")
    out = Path(parts[part].path)
    make_corpus(out) if part == "corpus" else make_models(out)
    typer.echo(f"demo {part}: {out}")


@app.command()
def manifest(
    corpus: CorpusName,
    workers: Workers = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read every recording, also those that look unchanged."),
    ] = False,
) -> None:
    """List and check a corpus: one row per utterance, rejects with their reason."""
    from pipeline import stages

    count = workers or backends.default_workers()
    typer.echo(stages.run_manifest(_corpus(corpus), count, verify=verify))


@app.command()
def asr(
    corpus: CorpusName,
    workers: Workers = None,
    device: Annotated[
        str,
        typer.Option(envvar="VCEMO_DEVICE", help="auto (all GPUs if there are any), cpu, cuda:1."),
    ] = "auto",
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            envvar="VCEMO_ASR_BATCH",
            help="Windows decoded at a time; default 16 on a GPU, 1 on a CPU.",
        ),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Texts: the corpus's own, and those of each ASR setting (`asr.sources` in params.yaml).

    Warning: a setting whose `window_s` is below 30 is 5 to 12 times faster and gives OTHER, often
    worse text, since Whisper was trained on 30 s alone; compare the scores of both before using it.
    What a setting's keys mean: docs/texts.md.
    """
    _feature("asr", corpus, workers, Speed(device, batch_size), dry_run=dry_run)


@app.command("asr_scores")
def asr_scores(corpus: CorpusName, workers: Workers = None, dry_run: DryRun = False) -> None:
    """Error rates of each ASR setting, where the corpus has texts of its own."""
    from pipeline import recognition

    _feature("asr_scores", corpus, workers, dry_run=dry_run)
    if not dry_run:
        recognition.write(_corpus(corpus))


@app.command()
def augment(corpus: CorpusName, workers: Workers = None, dry_run: DryRun = False) -> None:
    """Views: noise, pitch shift, time stretch."""
    _feature("augment", corpus, workers, dry_run=dry_run)


@app.command()
def mel(corpus: CorpusName, workers: Workers = None, dry_run: DryRun = False) -> None:
    """Log-mel spectrograms of originals and views."""
    _feature("mel", corpus, workers, dry_run=dry_run)


@words_commands.app.command("corpus")
def words(corpus: CorpusName, workers: Workers = None, dry_run: DryRun = False) -> None:
    """Word vectors of each text."""
    _feature("words", corpus, workers, dry_run=dry_run)


@app.command()
def bert(corpus: CorpusName, workers: Workers = None, dry_run: DryRun = False) -> None:
    """BERT vectors of each text."""
    _feature("bert", corpus, workers, dry_run=dry_run)


@app.command()
def catalog() -> None:
    """Join what the feature stages left into data/catalog.json."""
    from pipeline import experiment

    typer.echo(experiment.make_catalog(params.load()))


def _corpus(name: str, speed: Speed | None = None) -> Corpus:
    return Corpus.named(name, params.load(), speed or Speed())


def _feature(
    stage: str, corpus: str, workers: int | None, speed: Speed | None = None, *, dry_run: bool
) -> None:
    from pipeline import stages

    backends.collect_seldom()
    chosen = _corpus(corpus, speed)
    if dry_run:
        plan = stages.plan(stage, chosen)
        typer.echo(f"{stage} {corpus}: {len(plan.missing)} of {len(plan.rows)} rows to compute")
    else:
        typer.echo(stages.run(stage, chosen, workers or backends.default_workers()))

"""The command `vcemo`: one command per stage of dvc.yaml, with the same names, and a few more.

Commands hold no logic: they read the params, call the stage and print its closing line. How fast
a stage runs (workers, device) is an option or an environment variable, never a param.
"""

import logging
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline import backends, layout, params
from pipeline.commands import corpus as corpus_commands
from pipeline.commands import evaluation
from pipeline.commands import models as model_commands
from pipeline.commands import splits as split_commands
from pipeline.commands import words as words_commands
from pipeline.corpus import Corpus
from pipeline.devices import Speed

app = typer.Typer(
    name="vcemo",
    help="Offline feature store and trainer for multimodal speech emotion recognition.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
profile_app = typer.Typer(help="Whole variants of params.yaml.", no_args_is_help=True)
app.add_typer(profile_app, name="profile")
app.add_typer(model_commands.app, name="models")
app.add_typer(words_commands.app, name="words")
app.add_typer(evaluation.app)
app.add_typer(corpus_commands.app, name="corpus")
app.add_typer(split_commands.app, name="splits")

CorpusName = Annotated[str, typer.Argument(help="A corpus of params.yaml.", metavar="CORPUS")]
RunName = Annotated[str, typer.Argument(help="A run of params.yaml.", metavar="RUN")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Workers; default VCEMO_WORKERS, else all processors."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be computed.")]
Device = Annotated[
    str,
    typer.Option(envvar="VCEMO_DEVICE", help="auto (CUDA when there is one), cpu, cuda, cuda:1."),
]


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
    run: RunName,
    workers: Workers = None,
    device: Device = "auto",
    profile: Annotated[
        bool, typer.Option("--profile", help="Leave a trace of the first steps in data/speed.")
    ] = False,
    log: Annotated[
        str, typer.Option(envvar="VCEMO_LOG", help="Also to: tensorboard,wandb,mlflow,dvclive.")
    ] = "",
) -> None:
    """Train every fold and seed of a run."""
    from pipeline import experiment

    loggers = [name.strip() for name in log.split(",") if name.strip()]

    count = workers or backends.workers_asked_for()
    typer.echo(
        experiment.train(params.load(), run, device, count, profile=profile, loggers=loggers)
    )


@app.command("run-file")
def run_file(run: RunName) -> None:
    """Print a run as the JSON file that `python -m training` reads on another machine."""
    from training.settings import to_json

    typer.echo(to_json(params.run_settings(params.load(), run)), nl=False)


@app.command()
def evaluate(run: RunName, device: Device = "auto") -> None:
    """Predict the test utterances; write predictions, metrics and plots."""
    from pipeline import experiment

    typer.echo(experiment.evaluate(params.load(), run, device))


@app.command()
def report(
    clips: Annotated[
        int, typer.Option(min=0, max=50, help="Recordings of mistakes in the page; mind licences.")
    ] = 0,
    machine: Annotated[
        bool, typer.Option("--machine", help="Tell commit, versions, hardware and times.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A page of its own, to pass on.")
    ] = None,
) -> None:
    """Write reports/index.html, print the paper's tables; fail if a run is outside its bounds.

    With --clips or --machine it is another page, reports/full.html, since that one is the same on
    any machine.
    """
    from rich.console import Console

    from pipeline import experiment

    out = output or (layout.FULL_REPORT if clips or machine else None)
    outside = experiment.report(params.load(), out, clips=clips, machine=machine)
    for table in experiment.paper_tables(params.load()):
        Console().print(table)
    typer.echo(f"report: {out or layout.REPORT}")
    if outside:
        bounds = "the bounds are in params.yaml under report.expect"
        raise ValueError("\n".join([*outside, bounds]))


@app.command()
def results() -> None:
    """Show the metrics of all runs, and where the report is."""
    from rich.console import Console

    from pipeline import experiment

    Console().print(experiment.results(params.load()))
    typer.echo(f"report: {layout.REPORT}")


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One SELECT.")],
    form: Annotated[
        Literal["table", "csv", "json", "parquet"],
        typer.Option("--format", "-f", help="table, csv, json or parquet."),
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, in place of the screen.")
    ] = None,
    allow_files: Annotated[
        bool, typer.Option(help="Let the query read files outside the store.")
    ] = False,
) -> None:
    """Ask the store by SQL.

    Views: utterances, transcripts, views, mel, words, bert, asr_scores, splits, predictions.
    """
    from pipeline import experiment

    experiment.query(params.load(), sql, form, output, allow_files=allow_files)


@profile_app.command("use")
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


@profile_app.command("list")
def profile_list() -> None:
    """Name the profiles."""
    from pipeline import profiles

    typer.echo("\n".join(profiles.names()))


def _corpus(name: str, speed: Speed | None = None) -> Corpus:
    return Corpus.named(name, params.load(), speed or Speed())


def _feature(
    stage: str, corpus: str, workers: int | None, speed: Speed | None = None, *, dry_run: bool
) -> None:
    from pipeline import stages

    chosen = _corpus(corpus, speed)
    if dry_run:
        plan = stages.plan(stage, chosen)
        typer.echo(f"{stage} {corpus}: {len(plan.missing)} of {len(plan.rows)} rows to compute")
    else:
        typer.echo(stages.run(stage, chosen, workers or backends.default_workers()))

"""From the store to a report: the stages that look at all corpora together."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import catalog, layout, splits
from pipeline.files import appearing, appearing_folder, lock
from pipeline.pack import PackSummary, SplitFile, pack
from pipeline.params import Params, ParamsError, RunParams, run_settings

METRICS_FILE = "metrics.json"

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.reporting.query_output import Format


def make_catalog(params: Params) -> str:
    """Join what the feature stages left; returns the summary line."""
    found = catalog.merge(params.corpora)
    rows = sum(entry.rows for features in found.values() for entry in features.values())
    return f"catalog: {len(found)} corpora, {rows} rows"


def make_splits(params: Params) -> str:
    """Give every utterance a subset in every fold of every split."""
    manifests = catalog.shard_paths(catalog.load(), "manifest")
    with appearing_folder(layout.SPLITS) as folder:
        for name, split in params.splits.items():
            try:
                splits.make(manifests, split, folder / layout.split(name).name)
            except ValueError as error:
                raise type(error)(f"splits.{name}: {error}") from error
    return f"split: {', '.join(params.splits) or 'none'}"


def pack_task(params: Params, task: str) -> PackSummary:
    """Write the tensor cache of a task."""
    if task not in params.tasks:
        raise ParamsError(f"tasks: {task!r} is not there; found {', '.join(params.tasks)}")
    files = {n: SplitFile(layout.split(n), s) for n, s in params.splits.items()}
    return pack(task, params.tasks[task], catalog.load(), files, layout.cache(task))


def evaluate(params: Params, name: str, device: str) -> str:
    """Predict the test utterances of a run; write predictions, metrics and plots."""
    from pipeline.reporting.plots import plot_run
    from pipeline.reporting.reliability import plot_reliability
    from training.evaluate import evaluate_run

    run = run_settings(params, name)
    report = layout.run_report(name)
    with lock(layout.run(name)):
        evaluate_run(
            run,
            layout.cache(run.task),
            layout.run(name),
            predictions=layout.predictions(name),
            reports=report,
            device=device,
        )
    plot_run(report)
    plot_reliability(name, layout.predictions(name), report)
    found = json.loads((report / METRICS_FILE).read_text(encoding="utf-8"))
    for warning in found["warnings"]:
        log.warning("%s: %s", name, warning)
    pooled = found["pooled"]
    told = pooled | {f"ccc {d}": v["ccc"] for d, v in found["dimensions"].get("pooled", {}).items()}
    scores = ", ".join(f"{k} {v:.3f}" for k, v in told.items() if v is not None)
    by = found["normalisation"]
    return f"evaluate {name}: {scores}" + (f", normalised by {by}" if by else "")


def robustness(params: Params, name: str, device: str) -> str:
    """Try a trained run under noise, without modalities and with other texts."""
    import pyarrow.parquet as pq

    from pipeline.corpora import root
    from pipeline.robustness.grids import Sound, answers

    if name not in params.robustness:
        known = ", ".join(params.robustness) or "none"
        raise ParamsError(f"robustness: {name!r} is not there; found {known}")
    run = run_settings(params, name)
    roots = {corpus: root(source) for corpus, source in params.corpora.items()}
    sound = Sound(params.audio, params.mel, params.tasks[run.task].max_frames, roots)
    table = answers(
        run,
        params.robustness[name],
        sound,
        catalog.shard_paths(catalog.load(), "manifest"),
        cache_dir=layout.cache(run.task),
        run_dir=layout.run(name),
        device=device,
    )
    with appearing(layout.robustness(name)) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    conditions = len(set(zip(*(table[c].to_pylist() for c in ("grid", "level")), strict=True)))
    return f"robustness {name}: {conditions} conditions, {len(table)} answers"


def report(
    params: Params, out: Path | None = None, *, clips: int = 0, machine: bool = False
) -> list[str]:
    """Write the report; returns what is outside the bounds that the params expect.

    With an `out` it is a page of its own, which may hold recordings and tell of the machine.

    Predictions of runs that are no longer in the params are removed: what the stage depends on, and
    with it `dvc.lock`, must not tell of the past.
    """
    from pipeline.corpora import root
    from pipeline.report import Extras, write_report

    wanted = {layout.predictions(name) for name in params.runs}
    wanted |= {layout.robustness(name) for name in params.robustness}
    for folder in (layout.PREDICTIONS, layout.ROBUSTNESS):
        for path in folder.glob("*.parquet"):
            if path not in wanted:
                path.unlink()
    roots = {name: root(corpus) for name, corpus in params.corpora.items()}
    extras = Extras(out, roots, clips, machine) if out else None
    return write_report(catalog.load(), params.runs, params.report, asdict(params), extras)


def paper_tables(params: Params) -> "list[Table | str]":
    """The tables of the VCEMO paper with the runs that the params set beside them."""
    from pipeline.reporting.paper import make_tables, printed_tables

    if params.report.paper is None:
        return []
    return list(printed_tables(make_tables(params.report.paper, params.runs)))


def results(params: Params) -> "list[Table]":
    """The metrics of the runs that are evaluated, as tables for the terminal."""
    from pipeline.report import dimensions_table, metrics_table
    from pipeline.reporting.facts import read_metrics

    done = {
        n: read_metrics(n) for n in params.runs if (layout.run_report(n) / METRICS_FILE).exists()
    }
    current = {n: m for n, m in done.items() if _is_of(params.runs[n], m)}
    if not current:
        raise FileNotFoundError("no run of params.yaml is evaluated yet; run `dvc repro`")
    return [table for table in (metrics_table(current), dimensions_table(current)) if table]


def query(
    params: Params, sql: str, form: "Format", output: Path | None, *, allow_files: bool
) -> None:
    """Answer one SELECT over the store, on stdout or into a file."""
    from pipeline.query import connect
    from pipeline.reporting.query_output import run_query

    split_files = {name: layout.split(name) for name in params.splits}
    predictions = {name: layout.predictions(name) for name in params.runs}
    rejects = {name: layout.rejects(name) for name in params.corpora}
    found = catalog.load() if layout.CATALOG.exists() else {}
    if not found:
        log.warning("no corpus is in the catalog yet: all views but `rejects` may be empty")
    connection = connect(found, split_files, predictions, rejects, allow_files=allow_files)
    run_query(connection, sql, form, output)


def _is_of(run: RunParams, metrics: Mapping[str, object]) -> bool:
    """Whether metrics are of this run, and not of another profile's run of the same name."""
    return (metrics["task"], metrics["split"]) == (run.task, run.split)

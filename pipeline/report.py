"""The report: one HTML file that needs nothing else, and the table of metrics on the console.

It repeats what the runs' files and the store say. Nothing in it tells when or where it was made, so
the same results give the same bytes.
"""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import layout
from pipeline.catalog import Catalog
from pipeline.files import appearing
from pipeline.params import Bounds, ReportParams, RunParams
from pipeline.query import connect
from pipeline.reporting.facts import METRICS, corpora, encoders, read_metrics, split_facts

TEMPLATES = Path(__file__).parent / "reporting" / "templates"
TITLES = {"ua": "UA", "wa": "WA", "f1_weighted": "F1 weighted", "f1_macro": "F1 macro"}
USED_BY_NAME = ("sizes", "presets", "tasks", "splits")  # sections of which runs use some entries
SECTIONS = ("corpora", "audio", "manifest", "asr", "augment", "mel", "words", "bert")


def write_report(
    catalog: Catalog,
    runs: Mapping[str, RunParams],
    report: ReportParams,
    settings: Mapping[str, Any],
) -> list[str]:
    """Write reports/index.html from the runs' metrics and pictures, and from the store.

    Args:
        settings: all params as plain values, to be shown.

    Returns:
        What the runs do not meet of the expectations.

    Raises:
        FileNotFoundError: a run has not been evaluated.
    """
    metrics = {name: read_metrics(name) for name in runs}
    violations = check_expectations(report.expect, metrics)
    splits = {m["split"]: m["protocol"] for m in metrics.values()}
    connection = connect(
        catalog,
        {name: layout.split(name) for name in splits},
        {name: layout.predictions(name) for name in runs},
        {},
    )
    facts = corpora(connection, catalog)
    page = _template().render(
        notes=report.notes,
        runs=[_run(name, params, metrics[name]) for name, params in runs.items()],
        best=max((m["pooled"]["ua"] for m in metrics.values()), default=None),
        metrics=TITLES,
        expected=sum(v is not None for b in report.expect.values() for v in vars(b).values()),
        violations=violations,
        corpora=facts,
        labels=sorted({label for corpus in facts for label in corpus.classes}),
        splits=[split_facts(connection, name, splits[name]) for name in sorted(splits)],
        encoders=encoders(catalog),
        settings=dict(_shown(settings, runs)),
    )
    with appearing(layout.REPORT) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return violations


def check_expectations(
    expect: Mapping[str, Bounds], metrics: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """The bounds that pooled metrics break, each as a sentence.

    Raises:
        KeyError: a bound names a run without metrics.
    """
    return list(_violations(expect, metrics))


def _violations(
    expect: Mapping[str, Bounds], metrics: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    for run, bounds in expect.items():
        for name, bound in vars(bounds).items():
            metric, _, side = name.rpartition("_")
            if bound is None:
                continue
            value = metrics[run]["pooled"][metric]
            if value < bound if side == "min" else value > bound:
                wanted = "at least" if side == "min" else "at most"
                yield f"{run}: {TITLES[metric]} is {value:.3f}, expected {wanted} {bound:g}"


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> Any:
    """A rich table of the runs' pooled metrics, in the order given."""
    from rich.table import Table

    table = Table(title="Test parts, all folds and seeds pooled", title_justify="left")
    table.add_column("run", no_wrap=True)
    table.add_column("inputs")
    for name in METRICS:
        table.add_column(TITLES[name], justify="right", no_wrap=True)
    table.add_column("n", justify="right")
    table.add_column("split")
    for run, found in metrics.items():
        scores = [f"{found['pooled'][name]:.3f}" for name in METRICS]
        inputs = " + ".join(found["modalities"])
        table.add_row(run, inputs, *scores, str(found["n"]), _split(found))
    return table


def _split(metrics: Mapping[str, Any]) -> str:
    name, protocol = metrics["split"], metrics["protocol"]
    return name if name == protocol else f"{name} ({protocol})"


def _run(name: str, params: RunParams, metrics: Mapping[str, Any]) -> dict[str, Any]:
    folder = layout.run_report(name)
    return {
        "name": name,
        "params": params,
        "metrics": metrics,
        "split": _split(metrics),
        "chance": 1 / len(metrics["recall"]),
        "pictures": {kind: _embedded(folder / f"{kind}.png") for kind in ("confusion", "curves")},
    }


def _embedded(picture: Path) -> str | None:
    if not picture.exists():
        return None
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()


def _shown(
    settings: Mapping[str, Any], runs: Mapping[str, RunParams]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Sections of the params as flat lines; of named entries only those a run uses."""
    for section in SECTIONS:
        if settings.get(section):
            yield section, dict(_flat(settings[section]))
    for section in USED_BY_NAME:
        used = {getattr(run, section.removesuffix("s")) for run in runs.values()}
        entries = {k: v for k, v in settings.get(section, {}).items() if k in used}
        if entries:
            yield section, dict(_flat(entries))


def _flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list | tuple):
        yield at, ", ".join(str(item) for item in value) or "none"
    else:
        yield at, "none" if value is None or value == {} else value


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")

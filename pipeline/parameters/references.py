"""Checks between sections of params.yaml: names can be names, and lead to what is there."""

from collections.abc import Iterable

from pipeline.parameters.sections import NAME, REFERENCE, Params, ParamsError, run_settings


def check_names(params: Params, where: str) -> None:
    """Refuse names that cannot become folders, or that mean something else already.

    Raises:
        ParamsError: naming the section and the name; `where` is the file it says.
    """
    named = {
        s: getattr(params, s) for s in ("corpora", "splits", "tasks", "sizes", "presets", "runs")
    }
    for section, entries in {**named, "asr.sources": params.asr.sources}.items():
        for name in entries:
            if not NAME.fullmatch(name):
                raise ParamsError(
                    f"{where}: {section}: found the name {name!r}, expected letters, digits, "
                    "'_' and '-' (it becomes a file name, and a key for DVC)"
                )
    if REFERENCE in params.asr.sources:
        raise ParamsError(
            f"{where}: asr.sources: {REFERENCE!r} always stands for the corpus's own transcripts; "
            "give the ASR setting another name"
        )


def check_references(params: Params, where: str) -> None:
    """Refuse a section that names what another does not have, or asks of a run what it cannot do.

    Raises:
        ParamsError: naming the key, what was found and what is known; `where` is the file it says.
    """
    sources = (REFERENCE, *params.asr.sources)
    for name, task in params.tasks.items():
        for source in task.sources:
            _require_known(f"{where}: tasks.{name}.sources", source, sources)
    for name, run in params.runs.items():
        at = f"{where}: runs.{name}"
        _require_known(f"{at}.task", run.task, params.tasks)
        _require_known(f"{at}.split", run.split, params.splits)
        _require_known(f"{at}.size", run.size, params.sizes)
        _require_known(f"{at}.preset", run.preset, params.presets)
        reads_text = bool(set(run.modalities) & {"words", "bert"})
        known = params.tasks[run.task].sources if reads_text else sources
        _require_known(f"{at}.source", run.source, known)
        try:
            run_settings(params, name)
        except ValueError as error:
            raise ParamsError(f"{at}: {error}") from error
    for name, grids in params.robustness.items():
        _require_known(f"{where}: robustness", name, params.runs)
        for source in grids.sources:
            known = params.tasks[params.runs[name].task].sources
            _require_known(f"{where}: robustness.{name}.sources", source, known)
    for name in params.report.expect:
        _require_known(f"{where}: report.expect", name, params.runs)
    for name in params.report.paper.runs if params.report.paper else ():
        _require_known(f"{where}: report.paper", name, params.runs)
    _check_dimensions(params, where)


def _check_dimensions(params: Params, where: str) -> None:
    """What is asked of a run must be of what it learns."""
    paper = params.report.paper.runs if params.report.paper else ()
    for name, run in params.runs.items():
        regression = params.presets[run.preset].regression
        if regression is not None and not params.tasks[run.task].dimensions:
            raise ParamsError(
                f"{where}: runs.{name}: its preset {run.preset!r} learns dimensions, and its task "
                f"{run.task!r} has none; name them under tasks.{run.task}.dimensions"
            )
        if regression is None or regression.weight is not None:
            continue
        for section, names in (
            ("robustness", params.robustness),
            ("report.expect", params.report.expect),
            ("report.paper", paper),
        ):
            if name in names:
                raise ParamsError(
                    f"{where}: {section}: run {name!r} learns no classes, since its preset "
                    f"{run.preset!r} has `regression: {{weight: null}}`; take it out"
                )


def _require_known(where: str, found: str, known: Iterable[str]) -> None:
    if found not in known:
        raise ParamsError(f"{where}: found {found!r}, expected one of: {', '.join(known)}")

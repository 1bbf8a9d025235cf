"""`vcemo corpus export` from beginning to end; the folder appears whole or not at all."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from pipeline.corpus import Corpus
from pipeline.exports.content import ExportError, Request
from pipeline.files import appearing_folder

FORMATS = {
    "csv": "pipeline.exports.csv",
    "huggingface": "pipeline.exports.huggingface",
    "audformat": "pipeline.exports.audformat",
}

Write = Callable[[Corpus, Request, Path], None]


def export(corpus: Corpus, form: str, request: Request, out: Path) -> None:
    """Write a corpus in another tool's format.

    Raises:
        ExportError: there is no such format, or `out` is there already.
        CatalogError, FileNotFoundError: the store lacks what is asked for.
    """
    if form not in FORMATS:
        raise ExportError(f"format: found {form!r}, expected one of {', '.join(FORMATS)}")
    if out.exists():
        raise ExportError(f"{out}: is there already; choose another folder, or remove it")
    write: Write = import_module(FORMATS[form]).write
    with appearing_folder(out) as fresh:
        write(corpus, request, fresh)

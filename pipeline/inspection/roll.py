"""The corpora of params.yaml, and those that there are readers for, as tables."""

from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline import layout
from pipeline.corpora import READERS, CorpusParams, card, root


def show_corpora(corpora: Mapping[str, CorpusParams]) -> None:
    """Print the corpora of params.yaml: where they are, and what their manifests hold."""
    from rich.console import Console
    from rich.table import Table

    if not corpora:
        Console().print("params.yaml names no corpus; `vcemo corpus add NAME PATH` adds one")
        return
    table = Table("corpus", "reader", "path", "utterances", "hours", "rejected")
    for name, source in corpora.items():
        table.add_row(name, source.reader, source.path, *_counts(name, source))
    Console().print(table)


def show_readers() -> None:
    """Print what there is a reader for, how large it is, and whether it can be downloaded."""
    from rich.console import Console
    from rich.table import Table

    table = Table("reader", "corpus", "languages", "utterances", "speakers", "licence", "download")
    for name in sorted(READERS):
        stated = card(name)
        if stated is not None:
            table.add_row(
                name,
                stated.title,
                ", ".join(stated.languages),
                _or_unknown(stated.utterances),
                _or_unknown(stated.speakers),
                stated.licence.name,
                "yes" if stated.archives else "no",
            )
    Console().print(table)


def _counts(name: str, source: CorpusParams) -> tuple[str, str, str]:
    path = layout.manifest(name)
    if not path.exists():
        return ("no manifest yet" if root(source).exists() else "not on this machine", "", "")
    durations = pq.read_table(path, columns=["duration_s"], partitioning=None)["duration_s"]
    rejects = layout.rejects(name)
    rejected = pq.read_metadata(rejects).num_rows if rejects.exists() else 0
    hours = (pc.sum(durations).as_py() or 0) / 3600
    return str(len(durations)), f"{hours:.2f}", str(rejected)


def _or_unknown(count: Any) -> str:
    return "?" if count is None else f"{count}"

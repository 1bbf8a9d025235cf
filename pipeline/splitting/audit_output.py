"""An audit of splits as tables for people or as JSON."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from textwrap import shorten

from pipeline.splitting.audit import KINDS, Total
from pipeline.splitting.auditing import Audit

NAMED = 3  # examples in a line of the table
WIDTH = 30  # of one, in characters


def show_audits(audits: Sequence[Audit], *, as_json: bool) -> None:
    """Print audits: a table for each split, or all of it as JSON."""
    from rich.console import Console

    if as_json:
        told = [
            {
                "split": a.name,
                "protocol": a.protocol,
                "faults": a.faults,
                "allowed": a.allowed,
                "corpora_without_manifest": a.without,
                "cannot_be_made": a.trouble,
                "folds": [asdict(c) for c in a.crossings],
            }
            for a in audits
        ]
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return
    console = Console()
    for found in audits:
        if found.trouble is None:
            console.print(_table(found))
        console.print(_verdict(found), highlight=False, markup=False)


def _table(found: Audit) -> object:
    from rich.table import Table

    title = f"Split {found.name} (protocol {found.protocol}): what training and test share"
    table = Table(title=title, title_justify="left")
    table.add_column("what", no_wrap=True)
    for column in ("in test", "crossing", "test utterances", "folds"):
        table.add_column(column, justify="right")
    table.add_column("first of them", overflow="fold")
    for total in found.totals:
        style = "red" if total.kind in found.faults else None
        table.add_row(*_cells(total), style=style)
    return table


def _cells(total: Total) -> tuple[str, ...]:
    short = (shorten(name, WIDTH, placeholder="...") for name in total.names[:NAMED])
    first = ", ".join(short) + (", ..." if len(total.names) > NAMED else "")
    counts = (total.tested, total.crossing, total.utterances)
    folds = f"{total.folds} of {total.of_folds}"
    return total.kind, *map(str, counts), folds, first


def _verdict(found: Audit) -> str:
    told = _judged(found)
    if not found.without:
        return told
    runs = "; ".join(f"vcemo manifest {corpus}" for corpus in found.without)
    return (
        f"{told}\nNot looked at, as they have no manifest yet: {', '.join(found.without)} ({runs})"
    )


def _judged(found: Audit) -> str:
    if found.trouble:
        return f"{found.name}: cannot be made, so it is not audited: {found.trouble}"
    if not found.faults:
        return f"{found.name}: nothing crosses that is not allowed to"
    told = "; ".join(f"{kind} ({KINDS[kind]})" for kind in found.faults)
    allow = " ".join(f"--allow {kind}" for kind in found.faults)
    return (
        f"{found.name}: these cross from training (with validation) to test: {told}.\n"
        "Results for new ones will be lower than measured. Choose another protocol, or, where that "
        f"is meant, {allow}"
    )

"""An audit of splits as tables for people or as JSON."""

import json
import sys
from collections.abc import Iterator, Sequence
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
    for line in _closing(audits):
        console.print(line, highlight=False, markup=False)


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
    if found.trouble:
        return f"{found.name}: cannot be made, so it is not audited: {found.trouble}"
    if not found.faults:
        return f"{found.name}: nothing crosses that is not allowed to"
    return f"{found.name}: not allowed to cross: {', '.join(found.faults)}"


def _closing(audits: Sequence[Audit]) -> Iterator[str]:
    """What holds for all splits, said once."""
    if faults := [kind for kind in KINDS if any(kind in found.faults for found in audits)]:
        yield (
            "Training (with validation) and test have in common "
            f"{'; '.join(KINDS[kind] for kind in faults)}. Results for new ones will be lower than "
            "measured. Choose another protocol, or, where that is meant, "
            f"{' '.join(f'--allow {kind}' for kind in faults)}"
        )
    if without := dict.fromkeys(corpus for found in audits for corpus in found.without):
        runs = "; ".join(f"vcemo manifest {corpus}" for corpus in without)
        yield f"Not looked at, as they have no manifest yet: {', '.join(without)} ({runs})"

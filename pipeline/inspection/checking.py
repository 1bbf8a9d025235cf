"""`vcemo corpus check`: gather what the checks need, run them, print what they found."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import pyarrow.parquet as pq

from pipeline import backends, layout
from pipeline.corpus import Corpus
from pipeline.inspection.checks import COLUMNS, Finding, check
from pipeline.inspection.sound import Place, sounds
from pipeline.listing.summary import ManifestError

FILES_PER_WORKER = 256  # fewer are not worth the start of a process
NAMED = 3  # utterances in a line of the table
SHOWN = 20  # findings of one check


def check_corpus(corpus: Corpus, workers: int) -> list[Finding]:
    """Listen to a corpus and look at its manifest.

    Raises:
        FileNotFoundError: it has no manifest yet.
        ManifestError: the manifest is one of another version.
    """
    path = layout.manifest(corpus.name)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no manifest yet; run `vcemo manifest {corpus.name}`")
    if missing := set(COLUMNS) - set(pq.read_schema(path).names):
        raise ManifestError(
            f"{path}: has no column {min(missing)!r}, so another version made it; run "
            f"`vcemo manifest {corpus.name}`"
        )
    table = pq.read_table(path, columns=COLUMNS, partitioning=None)
    places = [
        Place(
            audio_key=row["audio_key"],
            file=corpus.root / row["path"],
            start_s=row["start_s"],
            end_s=row["end_s"],
            sample_rate_hz=row["sample_rate"],
        )
        for row in table.to_pylist()
    ]
    spread = backends.choose(workers, len(places), FILES_PER_WORKER)
    return check(table, sounds(places, layout.sounds(corpus.name), spread))


def show_findings(name: str, findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print findings as a table for people, or all of them as JSON."""
    from rich.console import Console
    from rich.table import Table

    if as_json:
        told = [asdict(finding) for finding in findings]
        sys.stdout.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        return
    console = Console(highlight=False)
    if not findings:
        console.print(f"{name}: nothing found")
        return
    table = Table("check", "what", "n", "first of them", title=name, title_justify="left")
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.check] = counts.get(finding.check, 0) + 1
        if counts[finding.check] <= SHOWN:
            table.add_row(
                finding.check,
                finding.what,
                str(len(finding.utterances) or ""),
                "\n".join(finding.utterances[:NAMED]),
                style="red" if finding.weight == "fault" else None,
            )
    console.print(table)
    for kind, count in counts.items():
        if count > SHOWN:
            console.print(f"{kind}: {count - SHOWN} more; --json has all")
    faults = sum(finding.weight == "fault" for finding in findings)
    console.print(f"{name}: {faults} faults (red), {len(findings) - faults} warnings")

"""A comparison for people, for programs (JSON) and for a pull request (Markdown)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Literal

from pipeline.evaluation.bootstrap import Estimate
from pipeline.evaluation.compare import Comparison, Difference
from pipeline.evaluation.comparisons import Compared
from pipeline.evaluation.ratings import AGREEMENTS
from pipeline.evaluation.runscores import TITLES
from pipeline.reporting.plain import finite

SHOWN = 20  # changed utterances, unless all are asked for
Format = Literal["text", "json", "markdown"]
Rows = list[list[str]]


def render(found: Sequence[Compared], form: Format, *, everything: bool) -> str:
    """All comparisons in one form.

    Args:
        everything: every changed utterance and speaker; JSON has them always.
    """
    if form == "json":
        plain = [finite(asdict(compared)) for compared in found]
        return json.dumps(plain, indent=2, ensure_ascii=False)
    write = _markdown if form == "markdown" else _text
    return "\n".join(write(compared, None if everything else SHOWN) for compared in found)


def _markdown(compared: Compared, limit: int | None) -> str:
    lines = [
        f"### `{compared.a}` → `{compared.b}`",
        "",
        _summary(compared),
        "",
        *(line for warning in compared.warnings for line in (f"> **Warning:** {warning}", "")),
    ]
    for title, head, rows in _tables(compared, limit):
        table = [head, ["---"] * len(head), *rows]
        told = ["| " + " | ".join(map(_cell, row)) + " |" for row in table]
        fold = [f"<details><summary>{title}</summary>", ""], ["", "</details>"]
        before, after = fold if title not in OPEN else ([], [])
        lines += [*before, *told, *after, ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _text(compared: Compared, limit: int | None) -> str:
    import io

    from rich.console import Console
    from rich.table import Table

    console = Console(file=io.StringIO(), width=100, highlight=False, markup=False)
    console.print(f"A  {_side(compared.a)}\nB  {_side(compared.b)}")
    for warning in compared.warnings:
        console.print(f"warning: {warning}")
    console.print(_summary(compared))
    for title, head, rows in _tables(compared, limit):
        table = Table(title=title, title_justify="left")
        for i, name in enumerate(head):
            numeric = i > 0 and title != CHANGED
            table.add_column(name, justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


CHANGED = "answered otherwise"
OPEN = ("scores", "dimensions")  # tables that Markdown does not fold
SCORE = ["A", "B", "B - A", "95 % interval", "over"]


def _side(side: Any) -> str:
    return f"{side}" + (f" ({side.commit[:10]})" if side.commit else "")


def _tables(compared: Compared, limit: int | None) -> Iterator[tuple[str, list[str], Rows]]:
    if compared.found is not None:
        yield from _class_tables(compared.found, limit)
    rows = [
        _score(f"{AGREEMENTS[name]} {found.dimension}", difference)
        for found in compared.dimensions
        for name, difference in found.scores.items()
    ]
    if rows:
        yield "dimensions", ["score", *SCORE], rows


def _class_tables(found: Comparison, limit: int | None) -> Iterator[tuple[str, list[str], Rows]]:
    yield (
        "scores",
        ["score", *SCORE],
        [_score(TITLES[name], difference) for name, difference in found.scores.items()],
    )
    head = ["utterances", "won", "lost", "right in A", "right in B"]
    for name, parts in (("class", found.by_class), ("speaker", found.by_speaker[:limit])):
        rows = [
            [p.name, str(p.utterances), str(p.won), str(p.lost), f"{p.a:.3f}", f"{p.b:.3f}"]
            for p in parts
        ]
        if rows:
            yield f"by {name}", [name, *head], rows
    shown = [[c.utt_id, c.speaker, c.label, c.a, c.b, c.verdict] for c in found.changes[:limit]]
    if len(shown) < len(found.changes):
        shown.append([f"and {len(found.changes) - len(shown)} more: --all", *[""] * 5])
    if shown:
        yield CHANGED, ["utterance", "speaker", "label", "A", "B", ""], shown


def _score(title: str, found: Difference) -> list[str]:
    if found.a is None or found.b is None:
        return [title, "–", "–", "–", found.difference.why, ""]
    interval = found.difference.interval
    span = f"{interval.low:+.3f} to {interval.high:+.3f}" if interval else "–"
    unit = interval.unit if interval else found.difference.why
    change = f"{found.difference.value:+.3f}"
    return [title, f"{found.a:.3f}", f"{found.b:.3f}", change, span, unit]


def _summary(compared: Compared) -> str:
    if compared.found is not None:
        return _class_summary(compared.found) + _kinds(compared)
    utterances = max(found.utterances for found in compared.dimensions)
    return f"{utterances} rated utterances; no classes to compare." + _kinds(compared)


def _class_summary(found: Comparison) -> str:
    test = found.mcnemar
    p = f"p = {test.p:.2g}" if test.p is not None else f"no p: {test.why}"
    averaged = "; several folds or seeds count by their mean" if found.averaged else ""
    return (
        f"{found.utterances} utterances, {found.speakers or 'unknown'} speakers; "
        f"{len(found.changes)} answered otherwise: {test.only_b} won, {test.only_a} lost "
        f"(McNemar {p}){averaged}. {_verdict(found.scores['ua'].difference)}"
    )


def _kinds(compared: Compared) -> str:
    """How the sides are made: scores of different kinds are to be told apart."""
    a, b = (side.normalisation for side in (compared.a, compared.b))
    told = f" Normalised by: A {a or '–'}, B {b or '–'}."
    if a == b:
        told = f" Both are normalised by {a}." if a else ""
    members = compared.a.members, compared.b.members
    if members != (1, 1):
        told += " Networks that answer together: A {}, B {}.".format(*members)
    return told


def _verdict(ua: Estimate) -> str:
    if ua.value is None or ua.interval is None:
        return "Whether UA differs cannot be told."
    if ua.interval.low > 0 or ua.interval.high < 0:
        return f"UA is {'higher' if ua.value > 0 else 'lower'} in B, by more than chance."
    return "The difference in UA may be chance."

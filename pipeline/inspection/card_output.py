"""Cards of corpora on the terminal, or as JSON."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from pipeline.corpora.card import CorpusCard
from pipeline.inspection.card import Card, Spread

BLOCKS = " ▁▂▃▄▅▆▇█"
BAR = 30  # characters of the longest bar
MOST = 12  # lines of a list; the rest is summed up


def show_card(card: Card, pictures: Iterable[Path], *, as_json: bool) -> None:
    """Print a card."""
    from rich.console import Console

    if as_json:
        sys.stdout.write(json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n")
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[bold]{card.name}[/bold]" + (f": {card.stated.title}" if card.stated else ""))
    if card.stated:
        console.print("\n".join(stated_lines(card.stated)), markup=False)
    rejected = sum(r.count for r in card.rejects.values())
    console.print(
        f"{card.utterances} utterances, {card.hours:.2f} h, {_many(card.speakers, 'speaker')}, "
        f"{rejected} rejected",
        markup=False,
    )
    for title, counts in (
        ("class", card.classes),
        ("gender", card.genders),
        ("language", card.languages),
        ("official part", card.parts),
        ("sample rate (Hz)", card.sample_rates),
        ("channels", card.channels),
        ("speaker", card.speakers),
    ):
        _bars(console, title, counts)
    console.print()
    for title, spread in (
        ("duration (s)", card.duration_s),
        ("loudness (dBFS)", card.loudness_db),
        ("signal to noise (dB)", card.snr_db),
        ("text length (characters)", card.characters),
    ):
        if spread:
            console.print(f"{title:26}{_sketch(spread)}", markup=False)
    if card.untold:
        console.print(f"{card.untold} utterances without transcript")
    for reason, found in card.rejects.items():
        console.print(f"rejected, {reason}: {found.count}", style="red")
        for example in found.examples:
            console.print(f"  {example}", markup=False)
    for path in pictures:
        console.print(f"picture: {path}", markup=False)


def stated_lines(stated: CorpusCard) -> list[str]:
    """What a reader knows of its corpus, a line for each fact."""
    scale = stated.dimensions
    expected = f"{stated.utterances or '?'} utterances, {stated.speakers or '?'} speakers"
    return [
        f"licence    {stated.licence.name}",
        f"citation   {stated.citation}",
        f"home       {stated.home}",
        f"to get it  {stated.access}",
        f"in full    {expected}, {', '.join(stated.languages)}",
        *(
            [f"scale      of arousal, valence, dominance: {scale[0]} to {scale[1]}"]
            if scale
            else []
        ),
    ]


def _bars(console: object, title: str, counts: Mapping[str, int]) -> None:
    """A bar for each value, if there is more to say than `unknown`."""
    from rich.console import Console

    assert isinstance(console, Console)
    if not counts or list(counts) == ["unknown"]:
        return
    total, longest = sum(counts.values()), max(counts.values())
    console.print(f"\n{title}", style="bold")
    for name, count in list(counts.items())[:MOST]:
        bar = "█" * max(1, round(BAR * count / longest))
        console.print(f"  {name:14} {count:7} {count / total:6.1%} {bar}", markup=False)
    if len(counts) > MOST:
        rest = list(counts.values())[MOST:]
        console.print(f"  and {len(rest)} more with {rest[-1]} to {rest[0]}", markup=False)


def _sketch(spread: Spread) -> str:
    """A histogram in one line, with least, median and most."""
    top = max(spread.counts)
    blocks = "".join(BLOCKS[-(-(len(BLOCKS) - 1) * count // top)] for count in spread.counts)
    return f"{spread.least:>9g} {blocks} {spread.most:g}, median {spread.median:g}"


def _many(counts: Mapping[str, int], what: str) -> str:
    known = len(counts.keys() - {"unknown"})
    return f"{known} {what}{'' if known == 1 else 's'}" if known else f"unknown {what}s"

"""The picture of a card: classes, speakers, durations, loudness, noise, lengths of texts."""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline import layout
from pipeline.inspection.card import NONE, Card, Spread, spread_of
from pipeline.reporting.figures import BLUE, LINE, figure, write_png

SIZE_IN = (7.2, 7.4)


def save_pictures(card: Card) -> list[Path]:
    """Write `reports/corpora/<name>/card.png`: the same card gives the same bytes."""
    at = layout.corpus_report(card.name) / "card.png"
    with figure(*SIZE_IN) as page:
        draw_card(page, card)
        write_png(page, at)
    return [at]


def draw_card(page: Any, card: Card) -> None:
    """Six panels on a matplotlib figure."""
    panels = page.subplots(3, 2)
    names = list(card.classes)[::-1]
    panels[0, 0].barh(names, [card.classes[name] for name in names], color=BLUE)
    panels[0, 0].set_title("classes")
    panels[0, 0].set_xlabel("utterances")
    each = [count for name, count in card.speakers.items() if name != NONE]
    for axes, title, spread in (
        (panels[0, 1], "duration (s)", card.duration_s),
        (panels[1, 0], "loudness (dBFS)", card.loudness_db),
        (panels[1, 1], "signal to noise (dB, estimated)", card.snr_db),
        (panels[2, 0], "text length (characters)", card.characters),
        (panels[2, 1], "utterances per speaker", spread_of(np.array(each))),
    ):
        axes.set_title(title)
        _histogram(axes, spread)
        axes.set_ylabel("speakers" if "speaker" in title else "utterances")


def _histogram(axes: Any, spread: Spread | None) -> None:
    if spread is None:
        axes.text(0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    axes.stairs(spread.counts, spread.edges, fill=True, color=BLUE)
    axes.yaxis.get_major_locator().set_params(integer=True)
    if len(spread.counts) == 1:  # all alike: a bar among empty places, not a full panel
        axes.set_xticks([spread.median], [f"{spread.median:g}"])
        axes.set_xlim(spread.median - 2.5, spread.median + 2.5)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)

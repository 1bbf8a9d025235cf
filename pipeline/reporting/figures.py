"""Figures by matplotlib: PNG files, and SVG that takes its colours from the page it stands in.

The same content gives the same bytes: no dates, no reader of the user's matplotlib settings.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.files import appearing

DPI = 160
# Okabe and Ito's palette, told apart by all eyes
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
INK, GREY, LINE = "#222222", "#555555", "#dddddd"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE)
CSS = {BLUE: "blue", ORANGE: "orange", GREEN: "green", PURPLE: "purple", INK: "ink"}
CSS |= {GREY: "soft", LINE: "line"}
SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "svg.fonttype": "none",  # text stays text, in the page's font
}


@contextmanager
def figure(width_in: float, height_in: float) -> Iterator[Any]:
    """A matplotlib figure with our settings and no others; write it before the block ends."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)  # inches
        yield Figure(figsize=(width_in, height_in), layout=layout, facecolor="white")


def write_png(page: Any, path: Path) -> None:
    """Write the figure to a file that appears whole."""
    with appearing(path) as temporary:
        page.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


def to_svg(page: Any, name: str, alt: str) -> Any:
    """The figure as markup to stand in a page, with the colours of the page's style.

    Args:
        name: unique in the page, since parts of an SVG refer to each other by ids.
    """
    import matplotlib as mpl
    from markupsafe import Markup, escape

    mpl.rcParams["svg.hashsalt"] = name
    out = io.StringIO()
    page.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator")))
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", text)
    for colour, variable in CSS.items():
        text = text.replace(colour, f"var(--{variable})")
    # ids of groups are the same in every figure and nothing refers to them
    text = re.sub(r'<g id="[\w.]+_\d+">', "<g>", text)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1))

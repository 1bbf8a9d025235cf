"""The charts of the page, as SVG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.evaluation.calibration import BINS, Reliability, thinned
from pipeline.evaluation.ratings import Rated
from pipeline.reporting.figures import BLUE, COLOURS, GREY, LINE, ORANGE, figure, to_svg
from pipeline.reporting.plots import CURVES_IN, curves, draw_curves
from training.metrics import Floats

RATING_CELLS = 24  # along each side of the chart of ratings
LARGEST_DOT = 60.0  # square points; about as wide as a cell


def curves_chart(run: str, path: Path) -> Any:
    """The learning curves of a run."""
    with figure(*CURVES_IN) as page:
        draw_curves(page, curves(path))
        return to_svg(page, f"curves-{run}", f"Learning curves of run {run}")


def reliability_chart(run: str, before: Reliability, after: Reliability | None) -> Any:
    """Accuracy by confidence, and how many answers were how sure."""
    with figure(3.9, 3.7) as page:
        upper, lower = page.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        draw_reliability(upper, before, after)
        middles = (np.arange(BINS) + 0.5) / BINS
        lower.bar(middles, before.count / before.count.sum(), 0.8 / BINS, color=BLUE)
        lower.set_xlabel("confidence")
        lower.set_ylabel("share")
        return to_svg(page, f"reliability-{run}", f"Reliability diagram of run {run}")


def draw_reliability(axes: Any, before: Reliability, after: Reliability | None) -> None:
    """Accuracy against confidence, on the diagonal if probabilities mean what they say."""
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    told = {"as predicted": (before, BLUE, "o"), "temperature scaled": (after, ORANGE, "s")}
    for label, (found, colour, marker) in told.items():
        if found is not None:
            filled = found.count > 0
            axes.plot(
                found.confidence[filled],
                found.accuracy[filled],
                color=colour,
                marker=marker,
                markersize=4,
                label=label,
                clip_on=False,
            )
    axes.set_ylabel("accuracy")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.grid(color=LINE, linewidth=0.6)
    axes.legend(frameon=False, loc="upper left", fontsize=8.5)


def ratings_chart(run: str, rated: Sequence[Rated]) -> Any:
    """Answers against ratings, a panel per dimension; the larger a dot, the more fall into it."""
    with figure(0.4 + 3.2 * len(rated), 3.4) as page:
        for axes, found in zip(page.subplots(1, len(rated), squeeze=False)[0], rated, strict=True):
            axes.set_title(found.dimension)
            axes.set_xlabel("rating")
            axes.set_ylabel("answer")
            axes.grid(color=LINE, linewidth=0.6)
            axes.set_axisbelow(True)
            if len(found.actual):
                _draw_ratings(axes, found)
        return to_svg(page, f"ratings-{run}", f"Answers of run {run} against ratings")


def _draw_ratings(axes: Any, found: Rated) -> None:
    both = np.concatenate([found.actual, found.predicted])
    margin = 0.05 * (np.ptp(both) or 1.0)
    edges = np.linspace(both.min() - margin, both.max() + margin, RATING_CELLS + 1)
    counts, x, y = (
        np.histogram2d(found.actual, found.predicted, bins=(edges, edges), weights=summed)[0]
        for summed in (None, found.actual, found.predicted)
    )
    n = counts[filled := counts > 0]
    axes.plot(edges[[0, -1]], edges[[0, -1]], color=GREY, linewidth=0.8, linestyle=(0, (2, 2)))
    sizes = LARGEST_DOT * n / n.max()
    axes.scatter(x[filled] / n, y[filled] / n, s=sizes, color=BLUE, linewidths=0)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(edges[0], edges[-1])
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(nbins=5)


def coverage_chart(accuracies: Mapping[str, Floats]) -> Any:
    """Accuracy when only the surest answers are given, for each run."""
    with figure(6.4, 3.4) as page:
        axes = page.add_subplot()
        for (run, found), look in zip(accuracies.items(), _looks(len(accuracies)), strict=True):
            axes.plot(*thinned(found).T, label=run, linewidth=1.8, **look)
        axes.set_xlabel("share of utterances answered, the surest first")
        axes.set_ylabel("accuracy")
        axes.set_xlim(0, 1)
        axes.set_ylim(None, 1.02)
        axes.grid(color=LINE, linewidth=0.6)
        axes.legend(frameon=False, loc="best", fontsize=8.5)
        return to_svg(page, "coverage", "Accuracy by the share of utterances answered")


def line_chart(
    name: str, x: Sequence[Any], lines: Mapping[str, Sequence[Any]], labels: tuple[str, str]
) -> Any:
    """Scores with their intervals over conditions that have an order.

    Args:
        lines: per name an `Estimate` for each x.
        labels: of the two axes.
    """
    with figure(6.4, 3.4) as page:
        axes = page.add_subplot()
        at = np.arange(len(x))
        for (run, found), look in zip(lines.items(), _looks(len(lines)), strict=True):
            values = [np.nan if e.value is None else e.value for e in found]
            axes.plot(at, values, marker="o", markersize=4, label=run, linewidth=1.8, **look)
            low = [e.interval.low if e.interval else np.nan for e in found]
            high = [e.interval.high if e.interval else np.nan for e in found]
            axes.fill_between(at, low, high, color=look["color"], alpha=0.12, linewidth=0)
        axes.set_xticks(at, [str(value) for value in x])
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.grid(color=LINE, linewidth=0.6)
        axes.legend(frameon=False, loc="best", fontsize=8.5)
        return to_svg(page, name, f"{labels[1]} by {labels[0]}")


def _looks(count: int) -> list[dict[str, Any]]:
    """As many colours and dashes as there are lines."""
    dashes = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
    return [
        {"color": COLOURS[i % len(COLOURS)], "linestyle": dashes[i // len(COLOURS) % len(dashes)]}
        for i in range(count)
    ]

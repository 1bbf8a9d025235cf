"""The pictures of a run, drawn from the small files that its evaluation leaves."""

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.reporting.figures import BLUE, GREEN, INK, LINE, ORANGE, figure, write_png

Counts = NDArray[np.int64]
CURVES_IN = (7.2, 3.2)
# above the lines, which it would hide, and beside the title
LEGEND = {"frameon": False, "loc": "lower right", "bbox_to_anchor": (1, 1), "fontsize": 8.5}


def plot_run(folder: Path) -> None:
    """Draw confusion.png and curves.png beside metrics.json, confusion.csv and curves.csv."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    classes = list(metrics["recall"])
    plot_confusion(confusion(folder / "confusion.csv", classes), classes, folder / "confusion.png")
    with figure(*CURVES_IN) as page:
        draw_curves(page, curves(folder / "curves.csv"))
        write_png(page, folder / "curves.png")


def confusion(path: Path, classes: list[str]) -> Counts:
    """Answers counted: [actual class, predicted class]."""
    counts = np.zeros((len(classes), len(classes)), np.int64)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counts[classes.index(row["actual"]), classes.index(row["predicted"])] += 1
    return counts


def curves(path: Path) -> dict[str, list[NDArray[np.float64]]]:
    """Each column of the learning curves: one array over the epochs for every network."""
    trained: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for name in row.keys() - {"fold", "network", "epoch"}:
                trained[row["fold"], row["network"]][name].append(float(row[name] or "nan"))
    names = sorted({name for columns in trained.values() for name in columns})
    return {name: [np.array(columns[name]) for columns in trained.values()] for name in names}


def plot_confusion(counts: Counts, classes: list[str], path: Path) -> None:
    """The share of each actual class given each answer; the counts in small type below."""
    support = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, support, out=np.zeros(counts.shape), where=support > 0)
    side = 1.8 + 0.72 * len(classes)
    with figure(side, side - 0.35) as page:
        axes = page.add_subplot()
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (row, column), value in np.ndenumerate(share):
            ink = {"color": "white" if value > 0.68 else INK, "ha": "center"}
            axes.text(column, row - 0.06, f"{value:.0%}", va="center", fontsize=11, **ink)
            axes.text(column, row + 0.24, f"{counts[row, column]}", va="center", fontsize=7, **ink)
        ticks = range(len(classes))
        axes.set_xticks(ticks, classes, rotation=30 if len(classes) > 4 else 0)
        axes.set_yticks(
            ticks, [f"{c}\nn = {n}" for c, n in zip(classes, support[:, 0], strict=True)]
        )
        axes.set_xlabel("answer")
        axes.set_ylabel("actual class")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        # white lines between the cells
        axes.set_xticks(np.arange(len(classes) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(classes) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="minor", length=0)
        write_png(page, path)


def draw_curves(page: Any, columns: dict[str, list[NDArray[np.float64]]]) -> None:
    """Losses on the left, scores on the right: each network thin, their mean thick."""
    panels = {
        "loss": {"train_loss": "training (joint loss)", "val_loss": "validation"},
        "validation score": {"val_ua": "UA", "val_wa": "WA", "val_ccc": "CCC"},
    }
    for axes, (title, names) in zip(page.subplots(1, 2), panels.items(), strict=True):
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        for (name, label), colour, dash in zip(
            names.items(), (BLUE, ORANGE, GREEN), ("-", (0, (4, 1.5)), (0, (1, 1))), strict=False
        ):
            defined = [c for c in columns.get(name, []) if not np.isnan(c).all()]
            _draw_curve(axes, defined, label, color=colour, linestyle=dash)
        if title != "loss":
            lowest = [np.nanmin(c) for c in columns.get("val_ccc", [])]  # alone may be below 0
            axes.set_ylim(min(0, *lowest, 0), 1)
        if axes.lines:
            axes.legend(**LEGEND, handlelength=2.4)


def _draw_curve(axes: Any, curves_: list[NDArray[np.float64]], label: str, **look: Any) -> None:
    if not curves_:
        return
    for values in curves_ if len(curves_) > 1 else []:
        axes.plot(np.arange(1, len(values) + 1), values, alpha=0.22, linewidth=0.8, **look)
    mean = _mean_of_running(curves_)
    point = {"marker": "o", "markersize": 4} if len(mean) == 1 else {}
    axes.plot(np.arange(1, len(mean) + 1), mean, linewidth=2, label=label, **look, **point)


def _mean_of_running(curves_: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean over the trainings still running at each epoch (early stopping ends some sooner)."""
    table = np.full((len(curves_), max(map(len, curves_))), np.nan)
    for row, values in zip(table, curves_, strict=True):
        row[: len(values)] = values
    mean: NDArray[np.float64] = np.nanmean(table, axis=0)
    return mean

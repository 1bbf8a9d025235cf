"""The course of a fold's training as a file: one line per epoch."""

import csv
import io
import math
from collections.abc import Sequence

from training.progress import EpochScore

HISTORY = "history.csv"  # in the folder of a trained fold


def history_csv(history: Sequence[EpochScore]) -> str:
    """Epochs as CSV, scores with six decimals, nothing for one that is not defined."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *history[0].scores])
    for s in history:
        told = ("" if math.isnan(value) else f"{value:.6f}" for value in s.scores.values())
        writer.writerow([s.epoch, *told])
    return text.getvalue()

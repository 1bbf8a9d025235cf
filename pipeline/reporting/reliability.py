"""The reliability of a run as a small CSV file and a picture, beside its other plots."""

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipeline.evaluation.answers import NoClassesError, read_answers
from pipeline.evaluation.calibration import BINS, Reliability, reliability
from pipeline.evaluation.revisions import connect_tables
from pipeline.files import appearing
from pipeline.reporting.charts import draw_reliability
from pipeline.reporting.figures import figure, write_png

SIZE_IN = (4.2, 3.6)
EMPTY = Reliability(np.zeros(BINS, np.int64), *np.full((2, BINS), np.nan))  # of no answers


def plot_reliability(run: str, predictions: Path, folder: Path) -> None:
    """Write reliability.csv, a row per filled bin of confidence, and reliability.png.

    Of a run that learned dimensions alone both are empty.

    Raises:
        AnswersError: the predictions cannot be scored.
    """
    table = pq.read_table(predictions, partitioning=None)
    try:
        found = reliability(read_answers(connect_tables({run: table}), run))
    except NoClassesError:
        found = EMPTY
    with appearing(folder / "reliability.csv") as temporary:
        temporary.write_text(reliability_csv(found), encoding="utf-8")
    with figure(*SIZE_IN) as page:
        axes = page.add_subplot()
        draw_reliability(axes, found, None)
        axes.set_xlabel("confidence")
        write_png(page, folder / "reliability.png")


def reliability_csv(found: Reliability) -> str:
    """Confidence, accuracy and count of each bin that holds an answer."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["confidence", "accuracy", "count"])
    for row in np.flatnonzero(found.count):
        shares = found.confidence[row], found.accuracy[row]
        writer.writerow([*(f"{share:.6f}" for share in shares), found.count[row]])
    return text.getvalue()

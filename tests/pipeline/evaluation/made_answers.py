"""Answers made up for tests, and the tables they come from."""

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from pipeline.evaluation.sql import MACROS
from pipeline.query import PREDICTIONS

CLASSES = ("angry", "happy", "neutral", "sad")
TRUTH, ANSWER = "0000112223", "0010102233"  # the specification's example


def prediction_rows(
    truth: str = TRUTH,
    answer: str = ANSWER,
    *,
    run: str = "all",
    classes: tuple[str, ...] = CLASSES,
    speakers: int = 5,
    sure: float = 0.7,
    **more: Any,
) -> list[dict[str, Any]]:
    """Rows of `predictions`, a digit per utterance."""
    rows = []
    for i, (t, a) in enumerate(zip(truth, answer, strict=True)):
        rest = (1 - sure) / (len(classes) - 1)
        shares = [(c, sure if k == int(a) else rest) for k, c in enumerate(classes)]
        rows.append(
            {
                "run": run, "utt_id": f"one/{i:04d}", "corpus": "one",
                "speaker": f"s{i % speakers}", "fold": 0, "seed": 0, "subset": "test",
                "label": classes[int(t)], "prediction": classes[int(a)], "probabilities": shares,
            } | more
        )  # fmt: skip
    return rows


def utterance_rows(count: int, speakers: int = 5) -> list[dict[str, Any]]:
    """Rows of `utterances`: half of them women's, of one to eight seconds."""
    return [
        {
            "utt_id": f"one/{i:04d}", "corpus": "one", "path": f"{i}.wav",
            "duration_s": 1.0 + i % 8,
            "speaker": f"s{i % speakers}", "gender": "female" if i % 2 else "male", "age": 20 + i,
            "language": "en", "session": None, "transcript": f"text {i}", "label": None,
        }
        for i in range(count)
    ]  # fmt: skip


def connection_of(predictions: list[dict[str, Any]], utterances: list[dict[str, Any]]) -> Any:
    """DuckDB with the views that evaluation reads."""
    connection = duckdb.connect(":memory:")
    for macro in MACROS:
        connection.execute(macro)
    told = pa.Table.from_pylist(predictions, PREDICTIONS)
    for view, subset in (("predictions", "test"), ("val_predictions", "val")):
        kept = told.filter(pa.array([s == subset for s in told["subset"].to_pylist()], pa.bool_()))
        connection.register(view, kept)
    connection.register("utterances", pa.Table.from_pylist(utterances))
    return connection


def random_digits(
    count: int, classes: int = 4, seed: int = 0, right: float = 0.6
) -> tuple[str, str]:
    """Truth and answers of which a share is right."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(classes, size=count)
    answer = np.where(draw.random(count) < right, truth, draw.integers(classes, size=count))
    return "".join(map(str, truth)), "".join(map(str, answer))

"""The answers of a run as arrays, read from the table `predictions` and joined with the store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from training.metrics import Counts, Floats, count

Codes = NDArray[np.int64]
NAMED = 5  # utterances named in a message
SUM_TOLERANCE = 1e-3  # of probabilities in float32, which models may have made in bfloat16
VIEWS = {"test": "predictions", "val": "val_predictions"}


class AnswersError(ValueError):
    """Predictions that cannot be scored."""


class NoClassesError(AnswersError):
    """A run that learned dimensions alone answers with no class."""


@dataclass(frozen=True)
class Answers:
    """A row per utterance, fold and seed, sorted so.

    Shape:
        utterance, speaker, fold, seed, label, prediction: (n,), the first two codes of `utt_ids`
            and `speakers`, `speaker` -1 where unknown; label and prediction index `classes`
        probabilities: (n, classes)
    """

    run: str
    classes: tuple[str, ...]
    utt_ids: NDArray[np.object_]  # sorted
    speakers: NDArray[np.object_]  # corpus/speaker, sorted
    utterance: Codes
    speaker: Codes
    fold: Codes
    seed: Codes
    label: Codes
    prediction: Codes
    probabilities: Floats

    def __len__(self) -> int:
        return len(self.label)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which answers are right; (n,)."""
        return np.equal(self.label, self.prediction)

    def counts(self) -> Counts:
        """The confusion counts of all rows."""
        return count(self.label, self.prediction, len(self.classes))

    def where(self, chosen: NDArray[np.bool_]) -> "Answers":
        """Some of the rows."""
        rows = ("utterance", "speaker", "fold", "seed", "label", "prediction", "probabilities")
        return replace(self, **{name: getattr(self, name)[chosen] for name in rows})


def read_answers(connection: Any, run: str, subset: Literal["test", "val"] = "test") -> Answers:
    """The answers of a run to its test or validation part.

    Args:
        connection: DuckDB with the views `predictions` and `val_predictions`.

    Raises:
        NoClassesError: the run answers on dimensions alone.
        AnswersError: there are none; an utterance is answered twice; its probabilities are no
            probabilities; a label is no class of the run.
    """
    rows = f"(FROM {VIEWS[subset]} WHERE run = $run)"
    classes = _classes(connection, run, rows)
    columns = connection.sql(
        "SELECT p.utt_id, CASE WHEN p.speaker <> '' THEN p.corpus || '/' || p.speaker END AS "
        "speaker, p.fold::BIGINT AS fold, p.seed::BIGINT AS seed, "
        "coalesce(list_position($classes, p.label), 0) - 1 AS label, "
        "coalesce(list_position($classes, p.prediction), 0) - 1 AS prediction, "
        f"map_values(p.probabilities) AS probabilities FROM {rows} p "
        "ORDER BY p.utt_id, p.fold, p.seed",
        params={"run": run, "classes": list(classes)},
    ).to_arrow_table()
    utt_ids, utterance = coded(columns["utt_id"])
    speakers, speaker = coded(columns["speaker"])
    answers = Answers(
        run=run,
        classes=classes,
        utt_ids=utt_ids,
        speakers=speakers,
        utterance=utterance,
        speaker=speaker,
        **{name: integers(columns[name]) for name in ("fold", "seed", "label", "prediction")},
        probabilities=_matrix(columns["probabilities"], len(classes)),
    )
    _check(answers)
    return answers


def _classes(connection: Any, run: str, rows: str) -> tuple[str, ...]:
    found = connection.execute(
        f"SELECT DISTINCT map_keys(probabilities) FROM {rows} LIMIT 3", {"run": run}
    ).fetchall()
    if not found:
        raise AnswersError(f"run {run!r} has no predictions here; run `dvc repro evaluate@{run}`")
    if found == [(None,)]:
        raise NoClassesError(
            f"run {run!r} tells no classes apart, its preset has `regression: {{weight: null}}`: "
            "only its dimensions can be scored"
        )
    if len(found) > 1 or not found[0][0]:
        told = "; ".join(", ".join(keys or ["none"]) for (keys,) in found)
        raise AnswersError(
            f"run {run!r}: its predictions are of several tasks, with the classes {told}; "
            f"run `dvc repro evaluate@{run}`"
        )
    return tuple(found[0][0])


def refuse_strangers(connection: Any, run: str) -> None:
    """Check that the store has the utterances that a run answered.

    Raises:
        AnswersError: it has not.
    """
    found = connection.execute(
        "SELECT DISTINCT p.utt_id FROM predictions p ANTI JOIN utterances USING (utt_id) "
        "WHERE p.run = $run ORDER BY p.utt_id",
        {"run": run},
    ).fetchall()
    if found:
        raise AnswersError(
            f"run {run!r}: {len(found)} utterances that it answered are not in the store, first: "
            f"{named([name for (name,) in found])}; run `dvc repro`"
        )


def unanswered(
    connection: Any, run: str, split: str, emotions: Sequence[str], seeds: Sequence[int]
) -> str:
    """What a run left unanswered of the test part of its split, in words; "" where nothing.

    Args:
        connection: DuckDB with the views `splits`, `utterances` and `predictions`.
        emotions: the labels of the run's task; other utterances are not asked.
        seeds: that the run was trained with.
    """
    found = connection.execute(
        "WITH answered AS (SELECT utt_id, fold, seed FROM predictions WHERE run = $run), "
        "asked AS (SELECT s.utt_id, s.fold, a.seed FROM splits s JOIN utterances u USING (utt_id), "
        "(SELECT unnest($seeds::BIGINT[]) AS seed) a WHERE s.split = $split AND s.subset = 'test' "
        "AND list_contains($emotions, u.label)) "
        "SELECT DISTINCT utt_id FROM asked ANTI JOIN answered USING (utt_id, fold, seed) "
        "ORDER BY utt_id",
        {"run": run, "split": split, "emotions": list(emotions), "seeds": list(seeds)},
    ).fetchall()
    if not found:
        return ""
    return (
        f"{len(found)} utterances of the test part lack an answer in some fold or seed and count "
        f"nowhere, first: {named([name for (name,) in found])}; run `dvc repro evaluate@{run}`"
    )


def _check(answers: Answers) -> None:
    p = answers.probabilities
    with np.errstate(invalid="ignore"):
        total = p.sum(axis=1)
        good = np.isfinite(p).all(axis=1) & (p >= 0).all(axis=1)
        good &= np.abs(total - 1) <= SUM_TOLERANCE
    for rows, complaint in (
        (~good, "probabilities are not finite shares of one"),
        (answers.label < 0, f"the label is none of {', '.join(answers.classes)}"),
        (answers.prediction < 0, f"the answer is none of {', '.join(answers.classes)}"),
        (_again(answers), "answered twice in one fold with one seed"),
    ):
        if rows.any():
            names = answers.utt_ids[np.unique(answers.utterance[rows])]
            raise AnswersError(
                f"run {answers.run!r}: {complaint} for {int(rows.sum())} of {len(rows)} rows, "
                f"first: {named(names)}; run `dvc repro evaluate@{answers.run}`"
            )


def _again(answers: Answers) -> NDArray[np.bool_]:
    same = np.zeros(len(answers), bool)
    keys = (answers.utterance, answers.fold, answers.seed)
    same[1:] = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    return same


def named(names: Sequence[str] | NDArray[np.object_]) -> str:
    """The first few names, for a message."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(str, names[:NAMED])) + more


def coded(column: Any) -> tuple[NDArray[np.object_], Codes]:
    """The distinct values of a column, sorted, and which each row has; -1 where it has none."""
    values = np.array(column.to_pylist(), dtype=object)
    known = np.array([value is not None for value in values], bool)
    codes = np.full(len(values), -1, np.int64)
    names, codes[known] = np.unique(values[known].astype(str), return_inverse=True)
    return names.astype(object), codes


def integers(column: Any) -> Codes:
    """A column of numbers."""
    return np.asarray(column.to_numpy(), np.int64)


def _matrix(column: Any, width: int) -> Floats:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float64).reshape(-1, width)

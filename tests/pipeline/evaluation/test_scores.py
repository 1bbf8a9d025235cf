"""Gold values by hand and by scikit-learn; laws of the intervals."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from pipeline.evaluation.answers import Answers, AnswersError, read_answers, refuse_strangers
from pipeline.evaluation.bootstrap import confusions
from pipeline.evaluation.calibration import calibrate, selective
from pipeline.evaluation.groups import score_groups
from pipeline.evaluation.runscores import score_run
from pipeline.evaluation.scoring import ClassesScored, Scored
from pipeline.reporting.scores import render
from tests.pipeline.evaluation.made_answers import (
    CLASSES,
    connection_of,
    prediction_rows,
    random_digits,
    utterance_rows,
)


def answers_of(rows: list[dict[str, Any]], count: int = 0, speakers: int = 5) -> Answers:
    connection = connection_of(rows, utterance_rows(count or len(rows), speakers))
    refuse_strangers(connection, "all")
    return read_answers(connection, "all")


def test_the_specifications_example() -> None:
    found = score_run(answers_of(prediction_rows()))
    assert found.counts.tolist() == [[3, 1, 0, 0], [1, 1, 0, 0], [0, 0, 2, 1], [0, 0, 0, 1]]
    values = {name: estimate.value for name, estimate in found.pooled.items()}
    expected = {"wa": 0.7, "ua": 0.729167, "f1_macro": 0.679167, "f1_weighted": 0.706667}
    assert values == pytest.approx(expected, abs=1e-6)
    assert [c.recall.value for c in found.classes] == pytest.approx([0.75, 0.5, 2 / 3, 1])
    assert [c.precision.value for c in found.classes] == pytest.approx([0.75, 0.5, 1, 0.5])


def test_scores_are_scikit_learns() -> None:
    rows = prediction_rows(*random_digits(300))
    found = score_run(answers_of(rows))
    truth, answer = ([row[k] for row in rows] for k in ("label", "prediction"))
    assert found.counts.tolist() == sk.confusion_matrix(truth, answer).tolist()
    expected = {
        "wa": sk.accuracy_score(truth, answer),
        "ua": sk.balanced_accuracy_score(truth, answer),
        "f1_macro": sk.f1_score(truth, answer, average="macro"),
        "f1_weighted": sk.f1_score(truth, answer, average="weighted"),
    }
    assert {n: e.value for n, e in found.pooled.items()} == pytest.approx(expected)
    precision = sk.precision_score(truth, answer, average=None)
    assert [c.precision.value for c in found.classes] == pytest.approx(precision)


def test_sql_says_the_same_as_python() -> None:
    rows = prediction_rows(*random_digits(300))
    connection = connection_of(rows, utterance_rows(300))
    names = ("wa", "ua", "f1_weighted", "f1_macro")
    asked = ", ".join(f"{name}(p.label, p.prediction)" for name in names)
    told = connection.execute(
        f"SELECT gender, {asked} FROM predictions p JOIN utterances USING (utt_id) "
        "GROUP BY gender ORDER BY gender"
    ).fetchall()
    groups = score_groups(connection, read_answers(connection, "all"), "gender").groups
    for (gender, *values), group in zip(told, groups, strict=True):
        assert gender == group.value
        assert values == pytest.approx([group.pooled[name].value for name in names])


def test_folds_and_seeds_are_scored_apart() -> None:
    first = prediction_rows("0011", "0011")
    second = prediction_rows("0011", "1100", seed=1, fold=1)
    found = score_run(answers_of(first + second))
    assert [found.folds[f]["wa"].value for f in (0, 1)] == [1.0, 0.0]
    assert [found.seeds[s]["wa"].value for s in (0, 1)] == [1.0, 0.0]
    assert found.pooled["wa"].value == 0.5
    assert (found.rows, found.utterances) == (8, 4)


def test_a_fold_has_the_intervals_of_its_answers_alone_and_none_where_one_class_is_tested() -> None:
    first, second = prediction_rows(*random_digits(90)), prediction_rows("000", "010", fold=1)
    for i, row in enumerate(second):
        row["utt_id"] = f"one/{90 + i:04d}"
    found = score_run(answers_of(first + second))
    assert found.folds[0] == score_run(answers_of(first)).pooled
    assert found.folds[0]["ua"].interval is not None
    assert found.folds[1]["ua"].value is None and "one class" in found.folds[1]["ua"].why


def test_the_interval_of_independent_utterances_is_the_binomials() -> None:
    n, right = 2000, 1400
    rows = prediction_rows("0" * 1000 + "1" * 1000, "0" * 700 + "1" * 1000 + "0" * 300, speakers=n)
    wa = score_run(answers_of(rows, speakers=n)).pooled["wa"]
    half = 1.96 * np.sqrt(right / n * (1 - right / n) / n)
    for interval in wa.intervals:
        assert interval.low == pytest.approx(right / n - half, abs=0.004)
        assert interval.high == pytest.approx(right / n + half, abs=0.004)


def test_resampling_kinds_is_resampling_utterances_one_by_one() -> None:
    answers = answers_of(prediction_rows(*random_digits(80)))
    kinds = confusions(answers, resamples=4000).sums["utterances"]
    draw = np.random.default_rng(1)
    cells = answers.label * 4 + answers.prediction
    one_by_one = np.array(
        [np.bincount(draw.choice(cells, 80), minlength=16) for _ in range(4000)]
    ).reshape(-1, 4, 4)
    assert kinds.sum(axis=(1, 2)).tolist() == [80] * 4000
    assert kinds.mean(axis=0) == pytest.approx(one_by_one.mean(axis=0), abs=0.25)
    assert kinds.std(axis=0) == pytest.approx(one_by_one.std(axis=0), rel=0.08)


def test_speakers_who_differ_widen_the_interval_and_come_first() -> None:
    truth = "01" * 100
    answer = "".join(t if i % 10 < 5 else "10"[int(t)] for i, t in enumerate(truth))
    wa = score_run(answers_of(prediction_rows(truth, answer, speakers=10), speakers=10)).pooled[
        "wa"
    ]
    speakers, utterances = wa.intervals
    assert (speakers.unit, utterances.unit) == ("speakers", "utterances")
    assert speakers.width > 3 * utterances.width


def test_a_second_seed_of_the_same_answers_adds_no_certainty() -> None:
    once = prediction_rows(*random_digits(200))
    twice = once + [row | {"seed": 1} for row in once]
    one, two = (score_run(answers_of(rows)).pooled["wa"].intervals for rows in (once, twice))
    assert [i.width for i in two] == pytest.approx([i.width for i in one], rel=0.1)


def test_what_is_not_defined_has_no_figure_but_a_reason() -> None:
    found = score_run(answers_of(prediction_rows("0000", "0010")))
    assert found.pooled["ua"].value is None and "one class is tested" in found.pooled["ua"].why
    assert found.pooled["wa"].value == 0.75
    assert found.classes[3].recall.value is None
    assert found.classes[3].precision.why == "the class is never the answer"
    single = score_run(answers_of(prediction_rows("0101", "0111", speakers=1), speakers=1))
    assert [i.unit for i in single.pooled["wa"].intervals] == ["utterances"]
    assert "1 speaker" in single.pooled["wa"].why
    perfect = score_run(answers_of(prediction_rows("0101", "0101"))).pooled["wa"]
    assert (perfect.value, perfect.intervals) == (1.0, ())
    assert "the same in every resample" in perfect.why
    rows = [row | {"speaker": None} for row in prediction_rows("0101", "0101")]
    assert "unknown speakers" in score_run(answers_of(rows)).pooled["wa"].why


def test_a_group_of_one_utterance_has_no_interval() -> None:
    connection = connection_of(prediction_rows(), utterance_rows(10))
    found = score_groups(connection, read_answers(connection, "all"), "age")
    assert [g.value for g in found.groups] == ["18 to 29"]
    found = score_groups(connection, read_answers(connection, "all"), "duration")
    assert sum(g.utterances for g in found.groups) == 10
    speakers = score_groups(connection, read_answers(connection, "all"), "speaker")
    assert {g.utterances for g in speakers.groups} == {2}
    assert all(i.unit == "utterances" for g in speakers.groups for i in g.pooled["wa"].intervals)
    assert not any(g.in_gaps for g in speakers.groups)
    assert speakers.gaps["wa"].value is None
    assert "fewer than two groups of 20 utterances or more" in speakers.gaps["wa"].why


def test_a_gap_is_of_the_best_and_the_worst_group_that_are_not_small() -> None:
    """Of 3 dB there are 19 utterances, all answered wrong; of 40 dB 20, all right."""
    truth, answer = random_digits(100)
    answer = "".join(str((int(t) + 1) % 4) for t in truth[:19]) + truth[19:39] + answer[39:]
    levels = [3.0] * 19 + [40.0] * 20 + [8.0] * 30 + [15.0] * 31
    rows = [row | {"snr_db": db} for row, db in zip(utterance_rows(100), levels, strict=True)]
    connection = connection_of(prediction_rows(truth, answer), rows)
    answers = read_answers(connection, "all")
    found = score_groups(connection, answers, "snr")
    small, *others = found.groups
    assert (small.utterances, small.in_gaps, small.pooled["wa"].value) == (19, False, 0.0)
    assert all(g.in_gaps for g in others)
    wa = [g.pooled["wa"].value for g in others]
    assert found.gaps["wa"].value == max(wa) - min(wa) < 1
    classes = ClassesScored(score_run(answers), calibrate(answers, None), selective(answers), found)
    text = render([Scored("now", "all", None, 1, (), classes, (), ())], as_json=False)
    assert "(below 5 dB)" in text and "(5 to 10 dB)" not in text
    assert "under 20 utterances: in no gap" in text


def test_bins_of_the_signal_to_noise_ratio_are_the_same_in_sql() -> None:
    levels = [-3.0, 4.9, 5.0, 12.0, None, 19.9, 20.0, 29.0, 30.0, 60.0]
    rows = [row | {"snr_db": db} for row, db in zip(utterance_rows(10), levels, strict=True)]
    connection = connection_of(prediction_rows(), rows)
    found = score_groups(connection, read_answers(connection, "all"), "snr")
    names = ["below 5 dB", "5 to 10 dB", "10 to 20 dB", "20 to 30 dB", "30 dB and more"]
    assert [g.value for g in found.groups] == names
    assert [g.utterances for g in found.groups] == [2, 1, 2, 2, 2]
    assert found.unknown == 1
    told = connection.execute(
        "SELECT snr_bin(snr_db), wa(p.label, p.prediction) FROM predictions p "
        "JOIN utterances USING (utt_id) WHERE snr_db IS NOT NULL GROUP BY ALL ORDER BY min(snr_db)"
    ).fetchall()
    assert told == [(g.value, g.pooled["wa"].value) for g in found.groups]
    without = connection_of(prediction_rows(), utterance_rows(10))
    with pytest.raises(AnswersError, match="no column 'snr'"):
        score_groups(without, read_answers(without, "all"), "snr")


def test_what_was_heard_badly_is_a_group() -> None:
    connection = connection_of(prediction_rows(), utterance_rows(10))
    wer = [0.0, 0.05, 0.2, 0.5, 2.0] * 2
    heard = {"utt_id": [f"one/{i:04d}" for i in range(10)], "source": ["whisper"] * 10, "wer": wer}
    connection.register("asr_scores", pa.table(heard | {"cer": wer}))
    answers = read_answers(connection, "all")
    found = score_groups(connection, answers, "wer:whisper")
    names = ["0 %", "0 to 10 %", "10 to 30 %", "30 to 60 %", "60 % and more"]
    assert [g.value for g in found.groups] == names
    assert {g.utterances for g in found.groups} == {2}
    with pytest.raises(AnswersError, match="no column 'wer:other'"):
        score_groups(connection, answers, "wer:other")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"probabilities": [(c, float("nan")) for c in CLASSES]}, "not finite shares"),
        ({"probabilities": [(c, 0.5) for c in CLASSES]}, "not finite shares"),
        ({"probabilities": [("joy", 1.0)]}, "several tasks"),
        ({"label": "bored"}, "the label is none of angry"),
        ({"prediction": "bored"}, "the answer is none of angry"),
        ({"utt_id": "one/0002"}, "answered twice"),
        ({"utt_id": "gone/0002"}, "not in the store, first: gone/0002"),
    ],
)
def test_predictions_that_cannot_be_scored_are_refused(change: dict[str, Any], told: str) -> None:
    rows = prediction_rows()
    rows[3] |= change
    with pytest.raises(AnswersError, match=told):
        answers_of(rows)


def test_a_run_without_predictions_names_the_stage() -> None:
    with pytest.raises(AnswersError, match="dvc repro evaluate@all"):
        answers_of([], 3)


def test_a_column_that_is_no_group_is_refused() -> None:
    connection = connection_of(prediction_rows(), utterance_rows(10))
    answers = read_answers(connection, "all")
    with pytest.raises(AnswersError, match="there are corpus, speaker, gender"):
        score_groups(connection, answers, "colour")
    many = replace(answers, utt_ids=answers.utt_ids)
    assert len(many) == 10

import sys

import pytest

from training.progress import EpochScore, Progress, show_line

PROGRESS = Progress("all", 1, 7, 30, EpochScore(2, 1.23456, 1.1, 0.5, 0.4))


@pytest.mark.parametrize(
    ("best_by", "order"),
    [
        ("wa", [0.5, 0.6]),
        ("ua", [0.6, 0.5]),
        ("0.9wa+0.1ua", [0.5, 0.6]),
    ],
)
def test_the_score_ranks_epochs_before_the_loss(best_by, order):
    def rank(val_wa, val_loss):
        return EpochScore(1, 0.0, val_loss, val_wa, 1.0 - val_wa).rank(best_by)

    low, high = order
    assert rank(high, 2.0) > rank(low, 1.0)
    assert rank(high, 1.0) > rank(high, 2.0)


def test_the_lowest_loss_or_the_last_epoch_may_be_asked_for_instead():
    early, late = EpochScore(1, 0.0, 1.0, 0.9, 0.9), EpochScore(2, 0.0, 2.0, 0.5, 0.5)
    assert early.rank("loss") > late.rank("loss")
    assert late.rank("last") > early.rank("last")


def test_an_epoch_is_one_line_on_a_terminal_and_silent_elsewhere(capsys, monkeypatch):
    show_line(PROGRESS)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    show_line(PROGRESS)
    shown = capsys.readouterr().err
    assert shown == "\r\033[Kall fold 1 seed 7 epoch 2/30 loss 1.235 val WA 0.500"

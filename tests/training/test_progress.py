import sys

from training.progress import EpochScore, Progress, show_line

PROGRESS = Progress("all", 1, 7, 30, EpochScore(2, 1.23456, 1.1, 0.5, 0.4))


def test_accuracy_ranks_epochs_before_loss():
    def score(val_wa, val_loss):
        return EpochScore(1, 0.0, val_loss, val_wa, 0.0)

    assert score(0.6, 2.0).rank > score(0.5, 1.0).rank
    assert score(0.5, 1.0).rank > score(0.5, 2.0).rank


def test_an_epoch_is_one_line_on_a_terminal_and_silent_elsewhere(capsys, monkeypatch):
    show_line(PROGRESS)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    show_line(PROGRESS)
    shown = capsys.readouterr().err
    assert shown == "\r\033[Kall fold 1 seed 7 epoch 2/30 loss 1.235 val WA 0.500"

"""What is shown while runs train."""

import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.board import Board, board
from training.pool import Done, Started
from training.progress import EpochScore, Progress
from training.runs import FoldNews, Outcome, Planned
from training.speed import Speed

SPEED = Speed(utterances=300, seconds=2.0, waiting_s=0.05, memory_mib=812.4)


def news(run: str, fold: int, what: Any) -> FoldNews:
    """What happens to a fold of four epochs; a number is the epoch that is over."""
    training = SimpleNamespace(epochs=4)
    job: Any = SimpleNamespace(
        run=SimpleNamespace(name=run, training=training), fold=fold, network=0, folder=Path(run)
    )
    if isinstance(what, int):
        what = Progress(run, fold, 0, 4, EpochScore(what, 1.5, 1.0, 0.5, 0.25), SPEED)
    return FoldNews(job, what)


def test_bars_count_folds_and_epochs_and_forget_a_failed_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", screen)
    with board(runs=2) as show:
        show(Planned("a", 2, 4))
        show(Planned("b", 3, 4))
        for what in (Started(), 1):
            show(news("a", 0, what))
            show(news("b", 0, what))
        assert show.bars is not None
        everything, a, b = show.bars.tasks
        assert (everything.completed, everything.total) == (0.5, 5)
        assert [(bar.description, bar.completed, bar.total) for bar in (a, b)] == [
            ("a fold 0 network 0", 1, 4),
            ("b fold 0 network 0", 1, 4),
        ]
        assert a.fields["told"] == "epoch 1/4, loss 1.500 val WA 0.500"
        show(news("a", 0, Done()))  # earlier than in its last epoch: patience was over
        assert (everything.completed, everything.fields["told"]) == (1.25, "1 of 5 done")
        show(news("b", 0, ValueError("no")))
        show(Outcome("b", (), 0, 1.0, error=ValueError("no")))
        assert show.bars.tasks == [everything]
        assert (everything.completed, everything.total) == (1, 2)


def test_without_a_terminal_a_run_is_a_line_once_it_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with board(runs=2) as show:
        show(Planned("a", 2, 4))
        show(news("a", 0, 1))
        show(Outcome("a", (Path("x"), Path("y")), 2, 3.21, SPEED))
        show(Outcome("b", (), 0, 1.0, error=ValueError("no")))
    assert capsys.readouterr().out.splitlines() == [
        "train a: 2 computed, 0 reused, 3.2 s, 150 utterances/s, 2.5% waiting for data, 812 MiB",
        "train b: failed: no",
    ]
    Board(1, None)(Outcome("b", (), 0, 1.0, error=ValueError("no")))
    assert capsys.readouterr().out == ""  # it is the error of the command

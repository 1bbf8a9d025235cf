"""The section on raters' shares."""

import contextlib
from pathlib import Path

import pytest

from pipeline import layout
from pipeline.params import ReportParams
from pipeline.report import gather, write_report
from pipeline.reporting.soft import facts
from tests.pipeline.reporting.report_project import RUN, SETTINGS, make_project

CLASSES = {"angry": ("angry",), "happy": ("happy",), "sad": ("sad", "bored")}


def test_shares_are_of_the_tasks_classes_and_utterances_without_them_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Number 0 of each corpus has shares: 0.5 angry, 0.25 happy, 0.25 bored, here of class sad."""
    monkeypatch.chdir(tmp_path)
    catalog = make_project()
    settings = SETTINGS | {"tasks": {"toy": {"classes": CLASSES}}}
    context = gather(catalog, {"all": RUN}, ReportParams((), {}), settings)
    told = facts(context)
    assert told is not None
    [(name, soft)] = told["runs"]
    assert (name, soft.rows) == ("all", 4)  # of two corpora, by two seeds
    assert soft.cross_entropy.value > soft.kl.value > 0
    with contextlib.suppress(FileNotFoundError):
        layout.REPORT.unlink()
    write_report(catalog, {"all": RUN}, ReportParams((), {}), settings)
    assert "accuracy against the majority" in layout.REPORT.read_text()

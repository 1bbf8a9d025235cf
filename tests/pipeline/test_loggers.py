"""Loggers hear what training tells; those whose package is not installed are skipped."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import layout, params
from pipeline.loggers import LOGGERS, LoggerError, logging_to
from tests.projects import ROOT
from training.progress import EpochScore, Progress
from training.settings import RunSettings


@pytest.fixture
def run() -> RunSettings:
    return params.run_settings(params.load(ROOT / layout.PARAMS), "all")


def message(run: str, epoch: int, speed: Any) -> Progress:
    return Progress(run, 0, 3, 2, EpochScore(epoch, 1.0 / epoch, 1.5 / epoch, 0.5, 0.25), speed)


@pytest.mark.parametrize("name", LOGGERS)
def test_every_epoch_is_shown_and_logged(
    name: str, run: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.chdir(tmp_path)
    shown: list[Progress] = []
    with logging_to([name], run, tmp_path / "logs", shown.append) as report:
        for epoch in (1, 2):
            report(message(run.name, epoch, None))
    assert [p.score.epoch for p in shown] == [1, 2]
    written = [p for p in (tmp_path / "logs" / name).rglob("*") if p.is_file()]
    assert written and max(p.stat().st_size for p in written) > 0
    if name == "dvclive":
        [loss] = [p for p in written if p.name == "val_loss.tsv"]
        values = [line.split("\t")[-1] for line in loss.read_text().splitlines()[1:]]
        assert values == ["1.5", "0.75"]


def test_none_are_the_rule(run: RunSettings, tmp_path: Path) -> None:
    shown: list[Progress] = []
    with logging_to([], run, tmp_path / "logs", shown.append) as report:
        report(message(run.name, 1, None))
    assert len(shown) == 1 and not (tmp_path / "logs").exists()


def test_an_unknown_logger_and_one_without_its_package_are_told(
    run: RunSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        pytest.raises(LoggerError, match="no logger 'comet'; there are tensorboard, wandb"),
        logging_to(["comet"], run, tmp_path, lambda _: None),
    ):
        pass
    monkeypatch.setitem(sys.modules, "wandb", None)
    with (
        pytest.raises(LoggerError, match=r"pip install 'vcemo\[wandb\]'"),
        logging_to(["wandb"], run, tmp_path, lambda _: None),
    ):
        pass


def test_every_logger_is_an_extra() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert LOGGERS.keys() <= project["optional-dependencies"].keys()

from dataclasses import replace

import pytest

from training.progress import EpochScore, Progress, SpeedFile
from training.speed import Speed

SPEED = Speed(utterances=300, seconds=2.0, waiting_s=0.05, memory_mib=812.4)
PROGRESS = Progress("all", 1, 7, 30, EpochScore(2, 1.23456, 1.1, 0.5, 0.4), SPEED)


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


def test_a_speed_file_keeps_its_old_lines(tmp_path):
    path = tmp_path / "speed" / "all.csv"
    SpeedFile(path)(PROGRESS)
    later = SpeedFile(path)
    later(PROGRESS)
    later(replace(PROGRESS, speed=replace(SPEED, seconds=1.0, memory_mib=900.0)))
    lines = path.read_text().splitlines()
    assert lines[0] == "run,fold,network,epoch,utterances_per_s,waiting_share,memory_mib"
    assert lines[1:] == ["all,1,7,2,150.0,0.0250,812"] * 2 + ["all,1,7,2,300.0,0.0500,900"]

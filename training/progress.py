"""What training tells while it runs: the score of every epoch."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.speed import Speed
from training.train_settings import Score


@dataclass(frozen=True)
class EpochScore:
    """One epoch: mean training loss per sample; loss, WA, UA, mean CCC of the validation part.

    The validation loss is the cross-entropy, with dimensions CE + weight (1 - CCC). WA and UA are
    NaN where no classes are learned.
    """

    epoch: int  # from 1
    train_loss: float
    val_loss: float
    val_wa: float
    val_ua: float
    val_ccc: float | None = None  # over the dimensions; None where none are learned

    @property
    def scores(self) -> dict[str, float]:
        """All there are, by their names in files."""
        told = {
            name: getattr(self, name) for name in ("train_loss", "val_loss", "val_wa", "val_ua")
        }
        return told if self.val_ccc is None else {**told, "val_ccc": self.val_ccc}

    def __str__(self) -> str:
        """The loss and the leading scores, as a line on a terminal has them."""
        told = {"WA": self.val_wa, "CCC": math.nan if self.val_ccc is None else self.val_ccc}
        known = "".join(f" val {n} {v:.3f}" for n, v in told.items() if not math.isnan(v))
        return f"loss {self.train_loss:.3f}{known}"

    def rank(self, best_by: Score) -> tuple[float, float]:
        """Larger for the better epoch: the score decides, then the lower loss."""
        scores = {
            "wa": self.val_wa,
            "ua": self.val_ua,
            "loss": -self.val_loss,
            "0.9wa+0.1ua": 0.9 * self.val_wa + 0.1 * self.val_ua,
            "ccc": math.nan if self.val_ccc is None else self.val_ccc,
            "last": self.epoch,
        }
        return scores[best_by], -self.val_loss


@dataclass(frozen=True)
class Progress:
    """A message from training: an epoch of a fold is over."""

    run: str
    fold: int
    network: int
    epochs: int  # at most
    score: EpochScore
    speed: Speed


Report = Callable[[Progress], None]


class SpeedFile:
    """Adds how fast each epoch went to a CSV file, where older lines stay."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, progress: Progress) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = not self.path.exists()
        line = {
            "run": progress.run,
            "fold": progress.fold,
            "network": progress.network,
            "epoch": progress.score.epoch,
            "utterances_per_s": f"{progress.speed.utterances_per_s:.1f}",
            "waiting_share": f"{progress.speed.waiting_share:.4f}",
            "memory_mib": f"{progress.speed.memory_mib:.0f}",
        }
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(line), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(line)

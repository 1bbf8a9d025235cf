"""What training tells while it runs: the score of every epoch."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from training.train_settings import Score


@dataclass(frozen=True)
class EpochScore:
    """One epoch: mean training loss per sample; cross-entropy, WA, UA of the validation part."""

    epoch: int  # from 1
    train_loss: float
    val_loss: float
    val_wa: float
    val_ua: float

    def rank(self, best_by: Score) -> tuple[float, float]:
        """Larger for the better epoch: the score decides, then the lower loss."""
        scores = {
            "wa": self.val_wa,
            "ua": self.val_ua,
            "loss": -self.val_loss,
            "0.9wa+0.1ua": 0.9 * self.val_wa + 0.1 * self.val_ua,
            "last": self.epoch,
        }
        return scores[best_by], -self.val_loss


@dataclass(frozen=True)
class Progress:
    """A message from training: an epoch of a fold is over."""

    run: str
    fold: int
    seed: int
    epochs: int  # at most
    score: EpochScore


Report = Callable[[Progress], None]


def show_line(progress: Progress) -> None:
    """Keep one line on a terminal; silent elsewhere."""
    if sys.stderr.isatty():
        s = progress.score
        done = f"epoch {s.epoch}/{progress.epochs}"
        line = f"{progress.run} fold {progress.fold} seed {progress.seed} {done}"
        scores = f"loss {s.train_loss:.3f} val WA {s.val_wa:.3f}"
        sys.stderr.write(f"\r\033[K{line} {scores}")

"""The course of one fold's training: all that changes on the way, to be saved and resumed."""

import copy
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.average import Average, State
from training.files import write_whole
from training.moco import MomentumContrast
from training.progress import EpochScore
from training.schedule import HALVINGS, make_optimiser
from training.train_settings import TrainSettings

LAYOUT = 1  # of what is saved: raise it when that changes
SAVING_SHARE = 0.05  # of the time may go into saving


class Course:
    """A network on its way: its optimiser, averages, key encoder and queue, scores, best weights.

    Nothing else is needed to go on: what an epoch shows and draws depends on its number alone.
    """

    def __init__(self, model: nn.Module, settings: TrainSettings) -> None:
        self.settings = settings
        self.model = model
        self.optimiser = make_optimiser(model.parameters(), settings.optimiser)
        self.average = Average(settings.ema, settings.average_epochs, settings.epochs)
        self.moco = _momentum_contrast(model, settings)
        # With the weights that are validated; `to` puts an LSTM's into one block again, for cuDNN.
        self.kept = copy.deepcopy(model).to(next(model.parameters()).device)
        self.history: list[EpochScore] = []
        self.best_epoch = 0
        self.best_state: State = {}
        self.halvings = 0  # of the learning rate, on a plateau
        self.stale = 0  # epochs in a row without a better score
        self._next_save = 0.0

    @property
    def over(self) -> bool:
        """Whether the last epoch is done, or patience is."""
        patience = self.settings.patience
        patient = patience is None or self.stale < patience
        return len(self.history) >= self.settings.epochs or not patient

    def judge(self, score: EpochScore) -> None:
        """Take note of an epoch; keep its weights if none was as good before.

        On a plateau the first epochs that are no better send the network back to the best weights,
        at half the rate; only those after count as stale.
        """
        self.history.append(score)
        by = self.settings.best_by
        if not self.best_state or score.rank(by) > self.history[self.best_epoch - 1].rank(by):
            self.best_epoch, self.stale = score.epoch, 0
            self.best_state = {
                k: v.detach().cpu().clone() for k, v in self.kept.state_dict().items()
            }
        elif self.settings.optimiser.schedule == "plateau" and self.halvings < HALVINGS:
            self.halvings += 1
            self.model.load_state_dict(self.best_state)
        else:
            self.stale += 1

    def save(self, path: Path) -> None:
        """Write all of it, unless the last time is so near that saving would cost much."""
        now = time.monotonic()
        if now < self._next_save:
            return
        write_whole(path, self._write)
        done = time.monotonic()
        self._next_save = done + (done - now) / SAVING_SHARE

    def resume(self, path: Path) -> None:
        """Go on from where a killed run was, if it left something that fits."""
        if not path.is_file():
            return
        device = next(self.model.parameters()).device
        state = torch.load(path, map_location=device, weights_only=True)
        if state.get("layout") != LAYOUT:  # saved by another version
            return
        if state["device"] != device.type:  # bfloat16 there and float32 here: one or the other
            return
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.history = [EpochScore(**score) for score in state["history"]]
        self.best_state = {name: value.cpu() for name, value in state["best_state"].items()}
        self.best_epoch, self.halvings, self.stale = state["counts"]

    def _write(self, place: Path) -> None:
        with place.open("wb") as file:  # given a name, torch would write it into the file
            torch.save(self._state(), file)

    def _state(self) -> dict[str, Any]:
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {
            **parts,
            "layout": LAYOUT,
            "device": next(self.model.parameters()).device.type,
            "history": [asdict(score) for score in self.history],
            "best_state": self.best_state,
            "counts": [self.best_epoch, self.halvings, self.stale],
        }

    def _parts(self) -> dict[str, Any]:
        parts = {"model": self.model, "optimiser": self.optimiser, "average": self.average}
        return parts if self.moco is None else {**parts, "moco": self.moco}


def _momentum_contrast(model: nn.Module, settings: TrainSettings) -> MomentumContrast | None:
    if settings.contrast is None or settings.contrast.moco is None:
        return None
    projector = model.projector
    assert isinstance(projector, nn.Linear), "settings refuse contrast for a model without"
    moco = settings.contrast.moco
    return MomentumContrast(model, projector.out_features, moco, settings.precision)

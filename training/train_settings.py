"""How a model is trained: the settings of a preset, and their parts. Imports no torch."""

import math
from dataclasses import dataclass
from typing import Literal

from training.strict import require, require_distinct

View = Literal["noise", "pitch", "stretch"]
Statistics = Literal["train", "speaker"]
Precision = Literal["auto", "float32", "bfloat16"]
Compiled = Literal["default", "reduce-overhead"]
Score = Literal["wa", "ua", "loss", "0.9wa+0.1ua", "ccc", "last"]


@dataclass(frozen=True)
class TrainSettings:
    """One way to train a model, from its inputs to the epoch that is kept."""

    members: int  # networks that answer together, by the mean of their probabilities; 1 = alone
    epochs: int  # at most
    batch_size: int  # at least 2, batch norm and the contrastive loss need neighbours
    sampling: Literal["shuffle", "balanced"]  # each utterance once, or each class as often

    # What the network is shown.
    normalisation: Statistics  # by the training part, or each speaker by all of their recordings
    views: tuple[View, ...]  # augmented views that training may draw instead of the original
    view_probability: float  # that an utterance shows one of them in an epoch
    view_pairs: bool  # beside each utterance, in its batch, the same as drawn among its views
    spec_augment: "SpecAugment | None"
    mixup: float  # alpha of the Beta distribution a partner's share is drawn from, 0 = no mixing
    modality_dropout: float  # probability that an utterance loses one of its several modalities
    text_dropout: float  # that one that is heard loses its words, and as often apart its BERT
    double_view: bool  # each batch twice through the network, under two dropout masks

    # What it is to learn.
    objective: "Objective"
    contrast: "Contrast | None"
    regression: "Regression | None"  # of the task's dimensions

    # How it moves.
    optimiser: "Optimiser"
    ema: float | None  # weights kept are a moving average that holds so much of itself each step
    average_epochs: int  # or their mean over so many last of all epochs, 1 = as they are

    # Which epoch is kept, by the validation part.
    best_by: Score  # highest WA, UA, mix as in CME, or CCC; lowest loss; or simply the last epoch
    patience: int | None  # epochs without a better score before stopping, null = never

    # How it is computed.
    precision: Precision  # of the passes; auto: bfloat16 on CUDA, float32 on a CPU
    compile: Compiled | None  # attention blocks by torch.compile, in this mode; null: as written

    def __post_init__(self) -> None:
        require(self.members >= 1, "training.members", self.members, "at least 1")
        require(self.epochs >= 1, "training.epochs", self.epochs, "at least 1")
        require(self.batch_size >= 2, "training.batch_size", self.batch_size, "at least 2")
        _require_share("view_probability", self.view_probability)
        if self.view_probability > 0 and not self.views:
            raise ValueError(
                f"training.views is empty but view_probability is {self.view_probability}: "
                "name a view or use 0"
            )
        require_distinct("training.views", self.views)
        self._check_pairs()
        _require_zero_or_more("mixup", self.mixup)
        _require_share("modality_dropout", self.modality_dropout)
        _require_share("text_dropout", self.text_dropout)
        moco = None if self.contrast is None else self.contrast.moco
        if moco is not None and moco.queue < self.batch_size:
            raise ValueError(
                f"training.contrast.moco.queue is {moco.queue}, expected at least the batch_size, "
                f"{self.batch_size}"
            )
        if self.ema is not None:
            require(0 < self.ema < 1, "training.ema", self.ema, "between 0 and 1, or null")
        averages = self.average_epochs
        require(averages >= 1, "training.average_epochs", averages, "at least 1")
        if self.ema is not None and averages > 1:
            raise ValueError("training.ema and training.average_epochs both average: keep one")
        patient = self.patience is None or self.patience >= 1
        require(patient, "training.patience", self.patience, "at least 1, or null")
        if self.patience is not None and self.best_by == "last":
            raise ValueError("training.patience needs a score: with best_by `last` it must be null")
        self._check_regression()

    def _check_regression(self) -> None:
        """Nothing may ask for classes where none are learned, nor for dimensions."""
        if self.regression is None:
            learned = self.best_by != "ccc"
            require(learned, "training.best_by", "ccc", "another, since regression is null")
        elif self.regression.weight is None:
            fits = self.best_by in ("ccc", "loss", "last")
            at = ", since regression.weight is null: no classes are learned"
            require(fits, "training.best_by", self.best_by, f"ccc, loss or last{at}")
            plain = self.contrast is None
            require(plain, "training.contrast", self.contrast, f"null{at}")

    def _check_pairs(self) -> None:
        if not self.view_pairs:
            return
        drawn = self.view_probability
        require(drawn > 0, "training.view_probability", drawn, "above 0 with view_pairs")
        even = self.batch_size % 2 == 0
        require(even, "training.batch_size", self.batch_size, "an even number with view_pairs")


@dataclass(frozen=True)
class SpecAugment:
    """Stretches of the spectrogram set to its mean (Park et al. 2019), anew in every batch."""

    time_masks: int  # number
    time_frames: int  # longest; of a short utterance at most half is covered by one mask
    frequency_masks: int
    frequency_bins: int  # widest

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            _require_zero_or_more(f"spec_augment.{name}", value)


@dataclass(frozen=True)
class Objective:
    """The loss of the classifier."""

    # Softmax cross-entropy as a mean or a sum over the batch, or one sigmoid per class, as a mean.
    name: Literal["cross_entropy", "cross_entropy_sum", "sigmoid"]
    label_smoothing: float  # share of the label spread evenly over all classes
    class_weights: Literal["none", "balanced"]  # balanced: each class counts as much as any other

    def __post_init__(self) -> None:
        smoothing = self.label_smoothing
        fits = 0 <= smoothing < 1
        require(fits, "training.objective.label_smoothing", smoothing, "0 <= share < 1")


@dataclass(frozen=True)
class Contrast:
    """The supervised contrastive loss beside it: (CE + alpha SC) / (1 + alpha)."""

    alpha: float
    temperature: float
    empty: Literal["skip", "zero"]  # anchors without a positive: left out, or counted as 0
    moco: "Moco | None"  # null: the other features of the batch are the contrasts

    def __post_init__(self) -> None:
        _require_positive("contrast.alpha", self.alpha)
        _require_positive("contrast.temperature", self.temperature)


@dataclass(frozen=True)
class Regression:
    """The dimensions that a task has ratings of are learned too: CE + weight (1 - CCC)."""

    weight: float | None  # null: they alone, and no classes

    def __post_init__(self) -> None:
        if self.weight is not None:
            _require_positive("regression.weight", self.weight)


@dataclass(frozen=True)
class Moco:
    """Contrasts from a queue of earlier batches' features, made by a slower copy of the network."""

    queue: int  # features kept, at least a batch
    momentum: float  # how much of itself the copy keeps in each step

    def __post_init__(self) -> None:
        require(self.queue >= 2, "training.contrast.moco.queue", self.queue, "at least 2")
        fits = 0 <= self.momentum <= 1
        require(fits, "training.contrast.moco.momentum", self.momentum, "0..1")


@dataclass(frozen=True)
class Optimiser:
    """How the weights follow the gradient."""

    name: Literal["adam", "adamw"]  # weight decay as part of the gradient (L2), or apart from it
    lr: float  # the highest
    weight_decay: float
    # constant; cosine: down to 0; one_cycle: up from a 25th and down to next to nothing; plateau:
    # twice, when an epoch was no better, back to the best weights at half the rate (UMONS)
    schedule: Literal["constant", "cosine", "one_cycle", "plateau"]
    warm_up: float  # share of all steps in which the rate rises
    clip_norm: float | None  # largest norm of the whole gradient
    clip_value: float | None  # largest size of each of its elements

    def __post_init__(self) -> None:
        _require_positive("optimiser.lr", self.lr)
        _require_zero_or_more("optimiser.weight_decay", self.weight_decay)
        require(0 <= self.warm_up < 1, "training.optimiser.warm_up", self.warm_up, "0 <= share < 1")
        for name, value in (("clip_norm", self.clip_norm), ("clip_value", self.clip_value)):
            if value is not None:
                _require_positive(f"optimiser.{name}", value)


def _require_positive(name: str, value: float) -> None:
    require(0 < value < math.inf, f"training.{name}", value, "above 0 and finite")


def _require_zero_or_more(name: str, value: float) -> None:
    require(0 <= value < math.inf, f"training.{name}", value, "0 or more and finite")


def _require_share(name: str, value: float) -> None:
    require(0 <= value <= 1, f"training.{name}", value, "0..1")

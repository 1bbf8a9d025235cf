"""Training: every fold and seed of a run, each from start to finish in one loop."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training import metrics
from training.batch import Batch
from training.cache import open_cache
from training.checkpoint import describe_fold, save_fold, untrained_model
from training.data import (
    Features,
    Normalisation,
    Rows,
    epoch_rows,
    fit_normalisation,
    open_features,
)
from training.device import autocast, choose_device, own_chance
from training.draw import seed_of
from training.files import make_folder
from training.jobs import FoldJob, finish, plan, run_jobs, unfinished
from training.losses import joint_loss
from training.predict import predict
from training.settings import RunSettings, TrainSettings

HISTORY = "history.csv"


@dataclass(frozen=True)
class EpochScore:
    """One epoch: mean training loss per sample; cross-entropy, WA, UA of the validation part."""

    epoch: int  # from 1
    train_loss: float
    val_loss: float
    val_wa: float
    val_ua: float


@dataclass(frozen=True)
class Progress:
    """A message from training: an epoch of a fold is over."""

    run: str
    fold: int
    seed: int
    epochs: int  # at most
    score: EpochScore


Report = Callable[[Progress], None]


def train_run(
    run: RunSettings,
    cache_dir: Path,
    out_dir: Path,
    *,
    device: str = "auto",
    workers: int = 1,
    progress: Report = lambda _: None,
) -> list[Path]:
    """Train what is not yet trained of a run; the folder of each fold and seed, in order.

    A folder's name holds the key of all it depends on, so one that exists is right and stays.
    Folders no longer wanted go last. Neither `workers` nor what was trained before changes a
    result.

    Raises:
        ValueError: the cache does not fit the run, or a loss was not finite.
    """
    cache = open_cache(cache_dir)
    jobs = plan(run, cache, out_dir, choose_device(device))
    todo = unfinished(jobs)
    if todo:
        cache.verify()
        open_features(cache, run)  # complain here, not in a worker
        run_jobs(train_fold, todo, workers, progress)
    finish(out_dir, jobs)
    return [job.folder for job in jobs]


def train_fold(job: FoldJob, report: Report) -> None:
    """Train one fold with one seed and write its folder."""
    run, settings, device = job.run, job.run.training, torch.device(job.device)
    with own_chance(seed_of("model", job.fold, job.seed)):
        # What the fold sees: its training rows, and what it is chosen by.
        cache = open_cache(job.cache_dir)
        features = open_features(cache, run)
        train_rows = cache.rows(run.split, job.fold, "train")
        val_rows = cache.rows(run.split, job.fold, "val")
        if len(train_rows) < 2:
            raise ValueError(f"fold {job.fold} of split {run.split!r} has one training utterance")
        normalise = None
        if "audio" in run.modalities:
            normalise = fit_normalisation(cache, train_rows)

        # A new model; plain Adam, whose weight decay is part of the gradient.
        record = describe_fold(run, cache, job.fold, job.seed)
        model = untrained_model(record).to(device)
        optimiser = torch.optim.Adam(
            model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
        )
        history: list[EpochScore] = []
        best, best_state = None, {}

        for epoch in range(1, settings.epochs + 1):
            # Every training utterance once, as itself or as one of its views.
            model.train()
            total = seen = 0.0
            for rows in epoch_rows(cache, train_rows, run, job.fold, job.seed, epoch):
                batch = features.collate(rows, normalise).to(device)
                with autocast(device):
                    loss = training_loss(model, batch, settings)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                norm = nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
                if not math.isfinite(loss.item() + norm.item()):
                    raise ValueError(_not_finite(job, epoch, loss, norm, features, rows))
                optimiser.step()
                total += loss.item() * len(rows)
                seen += len(rows)

            # Validation decides which epoch is kept: accuracy, then loss, then the earlier one.
            scores = _validate(model, features, val_rows, normalise, settings.batch_size, device)
            score = EpochScore(epoch, total / seen, *scores)
            history.append(score)
            if best is None or _rank(score) > _rank(best):
                best = score
                best_state = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
            report(Progress(run.name, job.fold, job.seed, settings.epochs, score))
            if settings.patience is not None and epoch - best.epoch >= settings.patience:
                break

        # The best epoch becomes the fold's result, whole or not at all.
        assert best is not None
        record |= {
            "key": job.key,
            "precision": "float32" if device.type == "cpu" else "bfloat16",
            "best_epoch": best.epoch,
            "val_wa": best.val_wa,
            "val_loss": best.val_loss,
        }

        def fill(folder: Path) -> None:
            save_fold(folder, best_state, normalise, record)
            (folder / HISTORY).write_text(history_csv(history), encoding="utf-8", newline="")

        make_folder(job.folder, fill)


def training_loss(model: nn.Module, batch: Batch, settings: TrainSettings) -> Tensor:
    """The joint loss of a batch, of two passes under different dropout masks if so set."""
    passes = [model(batch) for _ in range(2 if settings.double_view else 1)]
    return joint_loss(
        torch.cat([p.logits for p in passes]),
        torch.cat([p.z for p in passes]),
        batch.label.repeat(len(passes)),
        alpha=settings.alpha,
        temperature=settings.temperature,
        empty=settings.supcon_empty,
    )


def history_csv(history: list[EpochScore]) -> str:
    """Epochs as CSV, scores with six decimals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", "train_loss", "val_loss", "val_wa", "val_ua"])
    for s in history:
        scores = (s.train_loss, s.val_loss, s.val_wa, s.val_ua)
        writer.writerow([s.epoch, *(f"{value:.6f}" for value in scores)])
    return text.getvalue()


def _validate(
    model: nn.Module,
    features: Features,
    rows: Rows,
    normalise: Normalisation | None,
    batch_size: int,
    device: torch.device,
) -> tuple[float, float, float]:
    """Mean cross-entropy, WA and UA."""
    logits = predict(model, features, rows, normalise, batch_size=batch_size, device=device)
    labels = features.cache.label[rows]
    loss = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))
    scores = metrics.score(metrics.count(labels, np.argmax(logits, axis=1), logits.shape[1]))
    return loss.item(), scores.wa, scores.ua


def _rank(score: EpochScore) -> tuple[float, float]:
    return score.val_wa, -score.val_loss


def _not_finite(
    job: FoldJob, epoch: int, loss: Tensor, norm: Tensor, features: Features, rows: Rows
) -> str:
    names = [features.cache.utt_ids[row] for row in rows]
    return (
        f"run {job.run.name!r}, fold {job.fold}, seed {job.seed}, epoch {epoch}: the loss is "
        f"{loss.item()} and its gradient {norm.item()}; look at the features of this batch, or "
        f"lower training.lr: {names}"
    )

"""Training: every fold and seed of a run, each from start to finish in one loop."""

import csv
import io
import math
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
from training.device import (
    autocast,
    choose_device,
    default_workers,
    explain_memory,
    own_chance,
    precision,
)
from training.draw import seed_of
from training.files import make_folder
from training.jobs import FoldJob, finish, plan, run_jobs, unfinished
from training.losses import joint_loss
from training.model_settings import reads_word_ids
from training.models import start_words
from training.predict import predict
from training.progress import EpochScore, Progress, Report
from training.settings import RunSettings, TrainSettings
from training.vocabulary import Vocabulary

HISTORY = "history.csv"


@dataclass(frozen=True)
class FoldData:
    """What one fold sees: its training rows, and those that it is chosen by."""

    job: FoldJob
    features: Features
    train_rows: Rows
    val_rows: Rows
    normalise: Normalisation | None  # None without audio
    vocabulary: Vocabulary | None  # None for a model that knows words by their vectors alone


def train_run(
    run: RunSettings,
    cache_dir: Path,
    out_dir: Path,
    *,
    device: str = "auto",
    workers: int | None = None,
    progress: Report = lambda _: None,
) -> list[Path]:
    """Train what is not yet trained of a run; the folder of each fold and seed, in order.

    A folder's name holds the key of all it depends on, so one that exists is right and stays.
    Folders no longer wanted go last. Neither `workers` (None: a process per processor, on CUDA one)
    nor what was trained before changes a result.

    Raises:
        ValueError: the cache does not fit the run, a loss was not finite, or the GPU's memory is
            too small for a batch.
    """
    cache = open_cache(cache_dir)
    chosen = choose_device(device)
    jobs = plan(run, cache, out_dir, chosen)
    todo = unfinished(jobs)
    if todo:
        cache.verify()
        open_features(cache, run)  # complain here, not in a worker
        run_jobs(
            train_fold, todo, default_workers(chosen) if workers is None else workers, progress
        )
    finish(out_dir, jobs)
    return [job.folder for job in jobs]


def train_fold(job: FoldJob, report: Report) -> None:
    """Train one fold with one seed and write its folder."""
    settings, device = job.run.training, torch.device(job.device)
    with own_chance(seed_of("model", job.fold, job.seed)), explain_memory(settings.batch_size):
        data = _open_fold(job)
        # A new model; plain Adam, whose weight decay is part of the gradient.
        record = describe_fold(job.run, data.features.cache, job.fold, job.seed)
        if data.vocabulary is not None:
            record["vocabulary"] = data.vocabulary.words
        model = untrained_model(record).to(device)
        if data.vocabulary is not None:
            start_words(model, data.features.vectors_of(data.vocabulary))
        optimiser = torch.optim.Adam(
            model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
        )
        history: list[EpochScore] = []
        best, best_state = None, {}

        for epoch in range(1, settings.epochs + 1):
            loss = _train_epoch(model, optimiser, data, epoch)
            score = EpochScore(epoch, loss, *_validate(model, data))
            history.append(score)
            # Validation decides which epoch is kept; of equal ones the earlier.
            if best is None or score.rank > best.rank:
                best = score
                best_state = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}
            report(Progress(job.run.name, job.fold, job.seed, settings.epochs, score))
            if settings.patience is not None and epoch - best.epoch >= settings.patience:
                break

        # The best epoch becomes the fold's result, whole or not at all.
        assert best is not None
        record |= {
            "key": job.key,
            "precision": precision(device),
            "best_epoch": best.epoch,
            "val_wa": best.val_wa,
            "val_loss": best.val_loss,
        }

        def fill(folder: Path) -> None:
            save_fold(folder, best_state, data.normalise, record)
            (folder / HISTORY).write_text(history_csv(history), encoding="utf-8", newline="")

        make_folder(job.folder, fill)


def training_loss(model: nn.Module, batch: Batch, settings: TrainSettings) -> Tensor:
    """The joint loss of a batch, of two passes under different dropout masks if so set.

    Only the passes may be in bfloat16: the contrastive loss takes differences of similarities that
    bfloat16 cannot tell apart.
    """
    with autocast(batch.label.device):
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


def _open_fold(job: FoldJob) -> FoldData:
    cache = open_cache(job.cache_dir)
    train_rows, val_rows = (cache.rows(job.run.split, job.fold, s) for s in ("train", "val"))
    if len(train_rows) < 2:
        raise ValueError(f"fold {job.fold} of split {job.run.split!r} has one training utterance")
    heard = "audio" in job.run.modalities
    normalise = fit_normalisation(cache, train_rows) if heard else None
    features, vocabulary = open_features(cache, job.run), None
    if reads_word_ids(job.run.model):
        vocabulary = features.learn_words(train_rows)
        features = features.knowing(vocabulary)
    return FoldData(job, features, train_rows, val_rows, normalise, vocabulary)


def _train_epoch(
    model: nn.Module, optimiser: torch.optim.Optimizer, data: FoldData, epoch: int
) -> float:
    """Every training utterance once, as itself or as one of its views; the mean loss."""
    job, settings = data.job, data.job.run.training
    model.train()
    total = seen = 0.0
    for rows in epoch_rows(data.features, data.train_rows, job.run, job.fold, job.seed, epoch):
        batch = data.features.collate(rows, data.normalise).to(job.device)
        loss = training_loss(model, batch, settings)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
        if not math.isfinite(loss.item() + norm.item()):
            raise ValueError(_not_finite(data, epoch, loss, norm, rows))
        optimiser.step()
        total += loss.item() * len(rows)
        seen += len(rows)
    return total / seen


def _validate(model: nn.Module, data: FoldData) -> tuple[float, float, float]:
    """Mean cross-entropy, WA and UA."""
    logits = predict(
        model,
        data.features,
        data.val_rows,
        data.normalise,
        batch_size=data.job.run.training.batch_size,
        device=torch.device(data.job.device),
    )
    labels = data.features.cache.label[data.val_rows]
    loss = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels))
    scores = metrics.score(metrics.count(labels, np.argmax(logits, axis=1), logits.shape[1]))
    return loss.item(), scores.wa, scores.ua


def _not_finite(data: FoldData, epoch: int, loss: Tensor, norm: Tensor, rows: Rows) -> str:
    job = data.job
    names = [data.features.cache.utt_ids[row] for row in rows]
    return (
        f"run {job.run.name!r}, fold {job.fold}, seed {job.seed}, epoch {epoch}: the loss is "
        f"{loss.item()} and its gradient {norm.item()}; look at the features of this batch, or "
        f"lower training.lr: {names}"
    )

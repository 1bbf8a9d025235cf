"""Training: one network of one fold, from start to finish in one loop."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.augment import augment_batch
from training.batch import Batch
from training.blocks import begin_step, compile_blocks
from training.checkpoint import describe_fold, save_fold, untrained_model
from training.course import Course
from training.data import epoch_rows
from training.device import (
    autocast,
    own_chance,
    precision,
)
from training.distributed import (
    gather,
    is_writer,
    own_names,
    share,
    wait_for_all,
    world_size,
    wrap,
)
from training.draw import seed_of
from training.feed import feed
from training.files import make_folder
from training.fold import FoldData, open_fold
from training.history import HISTORY, history_csv
from training.jobs import FoldJob
from training.losses import answer_loss, joint_loss, supervised_contrastive
from training.memory import explain_memory
from training.moco import MomentumContrast
from training.models import start_words
from training.normalise import Rows
from training.progress import Progress, Report
from training.schedule import clip_gradient, rate
from training.speed import Speed, Stopwatch, traced
from training.train_settings import TrainSettings
from training.validate import validate

LOOK_EVERY = 50  # batches, at the numbers that wait on the device


def train_fold(job: FoldJob, report: Report) -> None:
    """Train one network of a fold and write its folder; go on where a killed run was."""
    settings, device = job.run.training, torch.device(job.device)
    seed = seed_of("model", job.fold, job.network)
    with own_chance(seed, device), explain_memory(settings.batch_size):
        data = open_fold(job)
        record = describe_fold(job.run, data.features.cache, job.fold, job.network)
        if data.vocabulary is not None:
            record["vocabulary"] = data.vocabulary.words
        # A new network, and what goes with it: optimiser, averages, key encoder and queue.
        model = untrained_model(record)
        if data.vocabulary is not None:
            start_words(model, data.features.vectors_of(data.vocabulary))
        course = Course(model.to(device), settings)
        course.resume(job.saved)
        compile_blocks(course.model, settings.compile)
        # Without a contrastive loss nothing trains its projector.
        network = wrap(course.model, all_used=settings.contrast is not None)

        probe = None if world_size() > 1 else partial(_try_step, network, course, data)
        with explain_memory(settings.batch_size, probe):
            while not course.over:
                epoch = len(course.history) + 1
                # What the epoch draws on the device depends on its number, not on those before.
                torch.manual_seed(seed_of("epoch", job.fold, job.network, epoch, *own_names()))
                loss, speed = _train_epoch(network, course, data, epoch)
                # The weights that are kept, averaged or as they are, face the validation part.
                course.kept.load_state_dict(course.average.end_epoch(course.model))
                score = replace(validate(course.kept, data), epoch=epoch, train_loss=loss)
                course.judge(score)
                if is_writer():
                    course.save(job.saved)
                report(Progress(job.run.name, job.fold, job.network, settings.epochs, score, speed))

        # The best epoch becomes the fold's result, whole or not at all.
        best = course.history[course.best_epoch - 1]
        record |= {
            "key": job.key,
            "precision": precision(device, settings.precision),
            "best_epoch": best.epoch,
            **{name: _or_none(getattr(best, name)) for name in ("val_wa", "val_ua", "val_loss")},
            **({} if best.val_ccc is None else {"val_ccc": best.val_ccc}),
        }

        def fill(folder: Path) -> None:
            save_fold(folder, course.best_state, data.normalise, record)
            (folder / HISTORY).write_text(history_csv(course.history), encoding="utf-8", newline="")

        if is_writer():
            make_folder(job.folder, fill)
            job.saved.unlink(missing_ok=True)
        wait_for_all()


def training_loss(
    model: nn.Module,
    batch: Batch,
    targets: Tensor,
    settings: TrainSettings,
    class_weights: Tensor | None = None,
    moco: MomentumContrast | None = None,
) -> Tensor:
    """The loss of the joint batch of all processes, from this one's share of it.

    Of two passes under different dropout masks if so set. Each part of a model that is judged
    by itself shares no weights with another: their losses are added.

    Only the passes may be in bfloat16: the contrastive loss takes differences of similarities that
    bfloat16 cannot tell apart.

    Shape:
        targets: (B, classes + dimensions); class_weights: (classes,); output: scalar
    """
    with autocast(batch.label.device, settings.precision):
        passes = [model(batch) for _ in range(2 if settings.double_view else 1)]
    targets = gather(targets, batch.joint).repeat(len(passes), 1)
    n_classes = targets.shape[1] - (0 if batch.ratings is None else batch.ratings.shape[1])
    losses = []
    for answers in zip(*(p.judged for p in passes), strict=True):  # of one part, in all passes
        logits = torch.cat([gather(answer, batch.joint) for answer in answers])
        losses.append(answer_loss(logits, targets, n_classes, settings, class_weights))
    loss = torch.stack(losses).sum()
    contrast = settings.contrast
    if contrast is None:
        return loss
    z = torch.cat([gather(p.z, batch.joint) for p in passes])
    if moco is None:
        labels = gather(batch.label, batch.joint).repeat(len(passes))
        apart = supervised_contrastive(z, labels, contrast.temperature, contrast.empty)
    else:
        apart = moco(model, batch, z, contrast.temperature, contrast.empty)
    return joint_loss(loss, apart, contrast.alpha)


def _train_epoch(
    network: nn.Module, course: Course, data: FoldData, epoch: int
) -> tuple[float, Speed]:
    """Every batch of an epoch; the mean loss per sample, and how fast it went."""
    job, settings, model = data.job, data.job.run.training, course.model
    device, names = torch.device(job.device), (job.fold, job.network, epoch)
    network.train()
    shown = epoch_rows(data.features, data.train_rows, job.run, *names)
    watch = Stopwatch(device)
    own = [share(rows) for rows in shown]  # this process's part of each joint batch
    batches = watch.waits(feed(data.features, own, data.normalise, device))
    told = []  # the loss and gradient of each batch, left on the device: no step waits for them
    for number, batch in enumerate(traced(batches, job.trace if epoch == 1 else None)):
        # What is shown: utterances or their views, then masked, mixed and thinned out as set.
        chance = np.random.default_rng(seed_of("augment", *names, number, *own_names()))
        batch = replace(batch, joint=len(shown[number]))
        begin_step(settings.compile)
        batch, targets = augment_batch(batch, settings, data.outputs.classes, chance)
        loss = training_loss(network, batch, targets, settings, data.class_weights, course.moco)

        # The gradient, no larger than set.
        course.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = clip_gradient(model, settings.optimiser)

        # A step at the rate of this moment.
        step, steps = (epoch - 1) * len(shown) + number, settings.epochs * len(shown)
        for group in course.optimiser.param_groups:
            group["lr"] = rate(settings.optimiser, step, steps, course.halvings)
        course.optimiser.step()
        course.average.step(model)

        # A loss or gradient that is no number ends it all, if not at once.
        told.append(torch.stack([loss.detach(), norm]))
        if number % LOOK_EVERY == 0 or number == len(shown) - 1:
            losses = _finite_losses(told, shown, data, epoch)
    counts = [len(rows) for rows in shown]
    mean = sum(x * n for x, n in zip(losses, counts, strict=True)) / sum(counts)
    return mean, watch.read(sum(counts))


def _try_step(network: nn.Module, course: Course, data: FoldData, size: int) -> None:
    """A step as an epoch has them, over the longest `size` of what it may show.

    Only to see whether the memory holds it: the course is of no use afterwards.
    """
    settings, cache = data.job.run.training, data.features.cache
    rows = np.flatnonzero(np.isin(cache.utterance, cache.utterance[data.train_rows]))
    longest = rows[np.argsort(-data.features.lengths(rows), kind="stable")]
    shown = [np.resize(longest, size)]
    (batch,) = feed(data.features, shown, data.normalise, torch.device(data.job.device))
    batch, targets = augment_batch(
        replace(batch, joint=size), settings, data.outputs.classes, np.random.default_rng(0)
    )
    loss = training_loss(network, batch, targets, settings, data.class_weights, course.moco)
    course.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    course.optimiser.step()


def _finite_losses(
    told: list[Tensor], shown: list[Rows], data: FoldData, epoch: int
) -> list[float]:
    """The losses so far; a `ValueError` names the first batch with one that is no number."""
    values = torch.stack(told).cpu()
    if len(bad := (~values.isfinite()).any(dim=1).nonzero()):
        first = int(bad[0])
        loss, norm = values[first].tolist()
        raise ValueError(_not_finite(data, epoch, loss, norm, shown[first]))
    losses: list[float] = values[:, 0].tolist()
    return losses


def _or_none(score: float) -> float | None:
    """A score for JSON, which knows no NaN."""
    return None if math.isnan(score) else score


def _not_finite(data: FoldData, epoch: int, loss: float, norm: float, rows: Rows) -> str:
    job = data.job
    names = [data.features.cache.utt_ids[row] for row in rows]
    return (
        f"run {job.run.name!r}, fold {job.fold}, network {job.network}, epoch {epoch}: the loss is "
        f"{loss} and its gradient {norm}; look at the features of this batch, or "
        f"lower training.optimiser.lr: {names}"
    )

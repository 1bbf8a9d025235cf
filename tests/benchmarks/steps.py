"""Training steps over given batches, as the trainer takes them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from training.batch import Batch
from training.blocks import begin_step, compile_blocks
from training.checkpoint import describe_fold, untrained_model
from training.course import Course
from training.fold import FoldData
from training.settings import RunSettings
from training.train import training_loss


def new_course(run: RunSettings, data: FoldData, device: torch.device) -> Course:
    """The run's network in training mode, new, with the same weights each time."""
    torch.manual_seed(0)
    record = describe_fold(run, data.features.cache, 0, 0)
    if data.vocabulary is not None:
        record["vocabulary"] = data.vocabulary.words
    course = Course(untrained_model(record).to(device).train(), run.training)
    compile_blocks(course.model, run.training.compile)
    return course


def gradients(course: Course, data: FoldData, batches: Iterable[Batch]) -> Iterator[Tensor]:
    """Forward and backward over each batch; the losses."""
    settings, classes = course.settings, len(data.features.cache.classes)
    for batch in batches:
        begin_step(settings.compile)
        batch = replace(batch, joint=len(batch.label))
        targets = F.one_hot(batch.label, classes).float()
        loss = training_loss(course.model, batch, targets, settings, None, course.moco)
        course.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        yield loss.detach()


def steps(course: Course, data: FoldData, batches: Iterable[Batch]) -> Iterator[Tensor]:
    """The same and a step of the optimiser after each."""
    for loss in gradients(course, data, batches):
        course.optimiser.step()
        yield loss

"""The queue and the slow copy: golden values, and what must never move."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from training.cache import open_cache
from training.checkpoint import describe_fold, untrained_model
from training.course import Course
from training.data import open_features
from training.losses import supervised_contrastive
from training.moco import MomentumContrast
from training.normalise import fit_normalisation
from training.train import training_loss
from training.train_settings import Moco


class Line(nn.Module):
    """One weight, and a predictor that is no part of the keys."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), weight))
        self.register_buffer("seen", torch.zeros(1))
        self.predictor = nn.Linear(1, 2)


def queue(size, momentum=0.99, width=1):
    return MomentumContrast(Line(1.0), width, Moco(queue=size, momentum=momentum), "auto")


def filled(moco):
    """How many places of the queue hold a key."""
    return int((moco.label != -1).sum())


def ids(first, last):
    return torch.arange(first, last + 1.0)[:, None], torch.arange(first, last + 1)


def test_the_oldest_keys_make_room_and_the_batch_need_not_divide_the_queue():
    moco = queue(6)
    moco.enqueue(*ids(0, 3))
    assert moco.label.tolist() == [0, 1, 2, 3, -1, -1]
    assert (moco.ptr.item(), filled(moco)) == (4, 4)
    moco.enqueue(*ids(4, 7))
    assert moco.label.tolist() == [6, 7, 2, 3, 4, 5]
    assert moco.feat[:, 0].tolist() == [6, 7, 2, 3, 4, 5]
    assert (moco.ptr.item(), filled(moco)) == (2, 6)


def test_an_empty_place_takes_no_part():
    z, label = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    contrasts = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, 0]]), torch.tensor([0, 0, 1, -1])
    found = supervised_contrastive(z, label, 1.0, "skip", contrasts)
    assert found.item() == pytest.approx(0.907606, abs=1e-6)
    as_if_full = contrasts[0], torch.tensor([0, 0, 1, 1])
    wrong = supervised_contrastive(z, label, 1.0, "skip", as_if_full)
    assert wrong.item() == pytest.approx(1.126523, abs=1e-6)


@pytest.mark.parametrize(("momentum", "expected"), [(0.99, 0.9801), (1.0, 1.0), (0.0, 0.0)])
def test_the_copy_follows_the_weights_by_the_momentum(momentum, expected):
    moco, model = queue(4, momentum), Line(0.0)
    model.seen += 7.0
    for _ in range(2):
        moco.follow(model)
    assert moco.encoder.weight.item() == pytest.approx(expected, abs=1e-7)
    assert moco.encoder.seen.item() == 0.0  # buffers are its own


@pytest.fixture
def course(run_settings, cache_dir):
    """A course with a queue of 20, and two batches of six."""
    training = run_settings.training
    contrast = replace(training.contrast, moco=Moco(queue=20, momentum=0.5))
    model = replace(run_settings.model, audio_head=True)
    run = replace(run_settings, model=model, training=replace(training, contrast=contrast))
    cache = open_cache(cache_dir)
    features = open_features(cache, run)
    rows = cache.rows("speaker", 0, "train")
    normalise = fit_normalisation(cache, rows, "train")
    batches = [features.collate(r, normalise) for r in (rows[:6], rows[6:12])]
    return Course(untrained_model(describe_fold(run, cache, 0, 0)), run.training), batches


def step(course, batch):
    targets = F.one_hot(batch.label, 4).float()
    course.model.train()
    loss = training_loss(course.model, batch, targets, course.settings, None, course.moco)
    course.optimiser.zero_grad()
    loss.backward()
    course.optimiser.step()
    return loss


def test_no_key_weight_gets_a_gradient_or_is_known_to_the_optimiser(course):
    course, (batch, _) = course
    step(course, batch)
    keys = list(course.moco.encoder.parameters())
    stepped = {id(p) for group in course.optimiser.param_groups for p in group["params"]}
    assert keys
    assert all(not p.requires_grad and p.grad is None for p in keys)
    assert not stepped & {id(p) for p in keys}
    assert not any(
        name.startswith(("predictor", "audio_head"))
        for name, _ in course.moco.encoder.named_parameters()
    )


def test_a_step_leaves_older_entries_bit_identical_and_adds_unit_keys(course):
    course, (first, second) = course
    step(course, first)
    older = course.moco.feat[:6].clone()
    step(course, second)
    assert torch.equal(course.moco.feat[:6], older)
    assert course.moco.label[:12].tolist() == [*first.label.tolist(), *second.label.tolist()]
    norms = course.moco.feat[:12].norm(dim=1)
    assert torch.allclose(norms, torch.ones(12), atol=1e-6)
    assert not course.moco.feat.requires_grad
    assert (course.moco.label[12:] == -1).all()


def test_keys_follow_before_they_are_made_and_the_first_are_of_the_start(course):
    course, (first, second) = course
    start = {n: p.clone() for n, p in course.model.named_parameters()}
    step(course, first)
    slow = dict(course.moco.encoder.named_parameters())
    assert all(torch.equal(p, start[n]) for n, p in slow.items())
    after_one = {n: p.detach().clone() for n, p in course.model.named_parameters()}
    step(course, second)
    for name, p in slow.items():
        assert torch.allclose(p, (start[name] + after_one[name]) / 2, atol=1e-7)


def test_keys_are_made_in_training_mode_with_statistics_of_their_own(course):
    course, (batch, _) = course
    encoder = course.moco.encoder
    assert encoder.training
    step(course, batch)
    mine, theirs = (m.audio.norm1.running_mean for m in (course.model, encoder))
    assert mine.data_ptr() != theirs.data_ptr()
    assert (theirs != 0).any()


def test_the_loss_is_that_of_queries_against_these_keys_and_the_queue(course):
    course, (first, second) = course
    step(course, first)
    with torch.no_grad():
        torch.manual_seed(5)
        found = course.moco(course.model, second, torch.eye(6, 16), 1.0, "skip")
    keys = course.moco.feat[6:12]  # those just made
    contrasts = torch.cat([keys, course.moco.feat[:6]]), torch.cat([second.label, first.label])
    expected = supervised_contrastive(torch.eye(6, 16), second.label, 1.0, "skip", contrasts)
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_a_double_view_puts_every_query_to_one_set_of_keys(course):
    course, (batch, _) = course
    z = torch.eye(12, 16)
    found = course.moco(course.model, batch, z, 1.0, "skip")
    keys = course.moco.feat[:6]
    expected = supervised_contrastive(z, batch.label.repeat(2), 1.0, "skip", (keys, batch.label))
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)
    assert filled(course.moco) == 6


def test_a_state_dict_brings_back_queue_and_place(course):
    course, (batch, _) = course
    step(course, batch)
    other = MomentumContrast(course.model, 16, Moco(queue=20, momentum=0.5), "auto")
    other.load_state_dict(course.moco.state_dict())
    for name, value in course.moco.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert (other.ptr.item(), filled(other)) == (6, 6)


def test_the_queue_lies_where_the_network_does():
    moco = MomentumContrast(Line(1.0).to("meta"), 1, Moco(queue=4, momentum=0.5), "auto")
    assert {value.device.type for value in moco.state_dict().values()} == {"meta"}

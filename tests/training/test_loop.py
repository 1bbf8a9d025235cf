"""The training loop against one written by hand, and against numbers of the past."""

import csv
import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from training.cache import open_cache
from training.checkpoint import describe_fold, untrained_model
from training.data import epoch_rows, open_features
from training.device import own_chance
from training.draw import seed_of
from training.jobs import TRAINING_VERSION, plan
from training.losses import classification_loss, joint_loss, supervised_contrastive
from training.normalise import fit_normalisation
from training.train import train_fold, training_loss
from training.train_settings import Contrast, Moco, SpecAugment

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def sharp(run_settings):
    """Two epochs of settings of which each shows in the weights."""
    training = run_settings.training
    training = replace(
        training,
        epochs=2,
        batch_size=4,
        contrast=Contrast(alpha=1.0, temperature=0.2, empty="zero", moco=None),
        optimiser=replace(training.optimiser, weight_decay=0.1, clip_norm=0.5),
    )
    return replace(run_settings, training=training)


def changed(settings, path, value):
    """Settings with one replaced, however deep: `optimiser.lr`."""
    name, _, inner = path.partition(".")
    if inner:
        value = changed(getattr(settings, name), inner, value)
    return replace(settings, **{name: value})


def trained(run, cache_dir, out):
    """Train fold 0: its weights, training losses and best epoch."""
    job = plan(run, open_cache(cache_dir), out, CPU)[0]
    train_fold(job, lambda _: None)
    with (job.folder / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    best = json.loads((job.folder / "fold.json").read_text())["best_epoch"]
    return load_file(job.folder / "model.safetensors"), history, best


@pytest.fixture(scope="module")
def history(sharp, cache_dir, tmp_path_factory):
    return trained(sharp, cache_dir, tmp_path_factory.mktemp("sharp"))[1]


def by_hand(run, cache_dir):
    """The loop as the specification has it: weights and mean loss after each epoch."""
    cache, settings = open_cache(cache_dir), run.training
    features = open_features(cache, run)
    rows = cache.rows(run.split, 0, "train")
    normalise = fit_normalisation(cache, rows, "train")
    contrast = settings.contrast
    with own_chance(seed_of("model", 0, 0)):
        model = untrained_model(describe_fold(run, cache, 0, 0))
        optimiser = torch.optim.Adam(
            model.parameters(),
            lr=settings.optimiser.lr,
            weight_decay=settings.optimiser.weight_decay,
        )
        for epoch in (1, 2):
            torch.manual_seed(seed_of("epoch", 0, 0, epoch))
            total = 0.0
            for shown in epoch_rows(features, rows, run, 0, 0, epoch):
                model.train()
                batch = features.collate(shown, normalise)
                out = model(batch)
                apart = supervised_contrastive(
                    out.z, batch.label, contrast.temperature, contrast.empty
                )
                loss = joint_loss(F.cross_entropy(out.logits, batch.label), apart, contrast.alpha)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), settings.optimiser.clip_norm)
                optimiser.step()
                total += loss.item() * len(shown)
            model.eval()  # as scoring leaves it
            state = {name: value.clone() for name, value in model.state_dict().items()}
            yield state, total / len(rows)


def test_training_is_the_loop_of_the_specification(sharp, cache_dir, tmp_path):
    weights, history, best = trained(sharp, cache_dir, tmp_path)
    epochs = list(by_hand(sharp, cache_dir))
    expected = epochs[best - 1][0]
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        assert torch.allclose(value, expected[name], atol=1e-6), name
    for line, (_, loss) in zip(history, epochs, strict=True):
        assert float(line["train_loss"]) == pytest.approx(loss, abs=2e-6)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("batch_size", 5),
        ("sampling", "balanced"),
        ("normalisation", "speaker"),
        ("view_probability", 0.0),
        ("view_pairs", True),
        ("precision", "bfloat16"),
        ("spec_augment", SpecAugment(1, 9, 1, 3)),
        ("mixup", 0.4),
        ("modality_dropout", 0.5),
        ("text_dropout", 0.5),
        ("double_view", True),
        ("objective.name", "cross_entropy_sum"),
        ("objective.name", "sigmoid"),
        ("objective.label_smoothing", 0.1),
        ("contrast", None),
        ("contrast.alpha", 0.5),
        ("contrast.temperature", 0.4),
        ("contrast.empty", "skip"),
        ("contrast.moco", Moco(queue=16, momentum=0.9)),
        ("optimiser.name", "adamw"),
        ("optimiser.lr", 2e-3),
        ("optimiser.weight_decay", 0.0),
        ("optimiser.schedule", "cosine"),
        ("optimiser.schedule", "one_cycle"),
        ("optimiser.warm_up", 0.5),
        ("optimiser.clip_norm", 100.0),
        ("optimiser.clip_value", 0.01),
    ],
)
def test_every_setting_matters(sharp, history, cache_dir, tmp_path, path, value):
    # Without this the loop by hand could agree with one that ignores a setting.
    other = changed(sharp, f"training.{path}", value)
    after = trained(other, cache_dir, tmp_path)[1]
    assert abs(float(history[1]["train_loss"]) - float(after[1]["train_loss"])) > 1e-4


@pytest.fixture
def case(sharp, cache_dir):
    """A model in training and a batch of six."""
    cache = open_cache(cache_dir)
    rows = cache.rows("speaker", 0, "train")[:6]
    batch = open_features(cache, sharp).collate(rows, fit_normalisation(cache, rows, "train"))
    return untrained_model(describe_fold(sharp, cache, 0, 0)).train(), batch


@pytest.mark.parametrize("double", [False, True])
def test_double_view_contrasts_two_passes_under_different_dropout(sharp, case, double):
    model, batch = case
    settings = replace(sharp.training, double_view=double)
    torch.manual_seed(3)
    found = training_loss(model, batch, F.one_hot(batch.label, 4).float(), settings)
    torch.manual_seed(3)
    outs = [model(batch) for _ in range(1 + double)]
    labels = torch.cat([batch.label] * (1 + double))
    expected = joint_loss(
        F.cross_entropy(torch.cat([out.logits for out in outs]), labels),
        supervised_contrastive(torch.cat([out.z for out in outs]), labels, 0.2, "zero"),
        1.0,
    )
    assert len(outs) == 1 or not torch.allclose(outs[0].z, outs[1].z)
    assert torch.allclose(found, expected)


def test_two_views_are_the_same_without_chance_and_then_add_nothing_to_the_cross_entropy(
    sharp, case
):
    model, batch = case
    model.eval()
    first, second = model(batch), model(batch)
    assert torch.equal(first.z, second.z)
    once = replace(sharp.training, contrast=None)
    targets = F.one_hot(batch.label, 4).float()
    single = training_loss(model, batch, targets, once)
    double = training_loss(model, batch, targets, replace(once, double_view=True))
    assert double.item() == pytest.approx(single.item(), abs=1e-6)


@pytest.mark.parametrize("objective", ["cross_entropy", "cross_entropy_sum", "sigmoid"])
@pytest.mark.parametrize("double", [False, True])
def test_the_loss_of_the_answer_and_that_of_the_audio_by_itself_are_added(
    sharp, case, objective, double
):
    model, batch = case
    model.eval()
    settings = replace(changed(sharp.training, "objective.name", objective), contrast=None)
    settings = replace(settings, double_view=double)
    targets = F.one_hot(batch.label, 4).float()
    out = model(batch)
    answer, audio = out.logits, out.logits.flip(1)

    def loss(logits, audio_logits=None):
        given = out._replace(logits=logits, audio_logits=audio_logits)
        return training_loss(lambda _: given, batch, targets, settings)

    assert torch.allclose(loss(answer, audio), loss(answer) + loss(audio))


def test_under_bfloat16_only_the_passes_lose_precision(sharp, case):
    model, batch = case
    seen = []
    model.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    settings = changed(sharp.training, "contrast.alpha", 1e6)  # next to nothing but the contrast
    settings = replace(settings, precision="bfloat16")
    targets = F.one_hot(batch.label, 4).float()
    found = training_loss(model, batch, targets, settings)
    (out,) = seen

    def loss():
        apart = supervised_contrastive(out.z, batch.label, 0.2, "zero")
        plain = classification_loss(out.logits, targets, settings.objective)
        return joint_loss(plain, apart, 1e6)

    assert found.item() == loss().item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert loss().item() != found.item()


GOLDEN = {  # training and validation loss of two epochs
    "audio+words+bert, audio head": [2.045506, 1.346048, 1.911849, 1.204714],
    "audio+words+bert": [1.335191, 1.375396, 1.265061, 1.322883],
    "words+bert": [1.374740, 1.418249, 1.232031, 1.393932],
    "audio": [1.402820, 1.339391, 1.310793, 1.238315],
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_losses_guard_the_training_version(sharp, cache_dir, tmp_path, name):
    # No dropout: its masks differ between processors. The tolerance is for their sums.
    inputs, _, head = name.partition(", ")
    modalities = tuple(inputs.split("+"))
    model = replace(sharp.model, dropout=0.0, audio_head=head == "audio head")
    training = changed(sharp.training, "optimiser.weight_decay", 1e-3)
    training = replace(training, double_view=True)
    run = replace(sharp, modalities=modalities, model=model, training=training)
    history = trained(run, cache_dir, tmp_path)[1]
    found = [float(line[name]) for line in history for name in ("train_loss", "val_loss")]
    expected = pytest.approx(GOLDEN[name], abs=5e-4)
    assert (TRAINING_VERSION, found) == (6, expected), (
        "the same settings train another model than before: raise TRAINING_VERSION in "
        f"training/jobs.py, so that old models are trained again, and write {found} here"
    )

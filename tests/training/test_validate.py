"""What an epoch is judged by."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from training.cache import open_cache
from training.checkpoint import describe_fold, untrained_model
from training.fold import open_fold
from training.jobs import plan
from training.predict import predict
from training.validate import validate


@pytest.mark.parametrize("name", ["cross_entropy", "cross_entropy_sum", "sigmoid"])
def test_the_validation_loss_is_the_objectives_own_as_a_mean(
    run_settings, cache_dir, tmp_path, name
):
    objective = replace(
        run_settings.training.objective,
        name=name,
        label_smoothing=0.3,
        class_weights="balanced",
    )
    training = replace(run_settings.training, objective=objective)
    run = replace(run_settings, modalities=("bert",), training=training)
    cache = open_cache(cache_dir)
    data = open_fold(plan(run, cache, tmp_path, torch.device("cpu"))[0])
    torch.manual_seed(0)
    model = untrained_model(describe_fold(run, cache, 0, 0)).eval()
    rows = data.val_rows
    logits = torch.from_numpy(
        predict(
            model,
            data.features,
            rows,
            data.normalise,
            batch_size=8,
            device=torch.device("cpu"),
            precision="float32",
        )
    )
    labels = torch.from_numpy(cache.label[rows])
    wanted = F.one_hot(labels, 4).float()
    softmax = -(wanted * logits.log_softmax(1)).sum(1).mean()
    sigmoid = -(wanted * logits.sigmoid().log() + (1 - wanted) * (-logits).sigmoid().log()).mean()
    expected = sigmoid if name == "sigmoid" else softmax
    assert validate(model, data).val_loss == pytest.approx(expected.item(), rel=1e-5)
    assert softmax.item() != pytest.approx(sigmoid.item(), rel=0.1)

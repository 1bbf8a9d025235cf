"""Every way to train that profiles/paper.yaml knows, with the models it is meant for."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipeline import params
from training.cache import open_cache
from training.jobs import plan
from training.train import train_fold

PROFILE = params.load(Path(__file__).parents[2] / "profiles" / "paper.yaml")
SPARE = {  # in the profile for those who want them, without a row in the paper's tables
    ("xu_delta", "xu-original"),
    ("yoon_mdre", "yoon_mdre-original"),
    ("yoon_mdrea", "yoon_mdre-original"),
    *((model, "matched") for model in ("xu_delta", "yoon_mdre", "yoon_mdrea")),
}
USED = {(PROFILE.sizes[run.size].name, run.preset) for run in PROFILE.runs.values()}
WAYS = sorted(USED | SPARE)


def test_every_size_and_every_preset_of_the_profile_is_tried() -> None:
    assert {model for model, _ in WAYS} == {size.name for size in PROFILE.sizes.values()}
    assert {preset for _, preset in WAYS} == set(PROFILE.presets)


@pytest.mark.parametrize(("model", "preset"), WAYS)
def test_a_preset_trains_its_model(
    cache_dir, tmp_path, tiny, baselines, run_settings, model, preset
):
    way = PROFILE.presets[preset]
    run = replace(
        run_settings,
        model=baselines.get(model, tiny),
        modalities=("audio", "words", "bert") if model == "vcemo" else ("audio", "words"),
        training=replace(way, epochs=2, batch_size=16, views=("noise",) if way.views else ()),
    )
    job = plan(run, open_cache(cache_dir), tmp_path, torch.device("cpu"))[0]
    scores = []
    train_fold(job, lambda progress: scores.append(progress.score))
    assert (job.folder / "model.safetensors").is_file()
    assert len(scores) == 2

"""A synthetic tensor cache in the exact format of the real one, small models, and run settings."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from training.model_settings import (
    BaselineSettings,
    CmeSettings,
    UmonsSettings,
    VcemoSettings,
    XuDeltaSettings,
    XuSettings,
    YoonMdreSettings,
    YoonMhaSettings,
)
from training.settings import RunSettings
from training.train_settings import Contrast, Objective, Optimiser, TrainSettings


@dataclass(frozen=True)
class CachePlan:
    """What a synthetic cache holds; utterance u has class u % classes and speaker u % folds."""

    utterances: int
    folds: int
    n_mels: int
    word_dim: int
    bert_dim: int
    views: tuple[str, ...]  # beside the original
    signal: float  # how far classes lie apart in every modality


PLAN = CachePlan(
    utterances=48, folds=2, n_mels=8, word_dim=6, bert_dim=5, views=("noise",), signal=2.0
)
CLASSES = ("angry", "happy", "neutral", "sad")
DIMENSIONS = ("arousal", "valence")


def write_cache(folder: Path, plan: CachePlan = PLAN) -> Path:
    """Write a cache; every class shifts mel bins, words and BERT vectors its own way."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = np.arange(plan.utterances) % len(CLASSES)
    tensors = {
        "mel": _mel(plan, labels, rng),
        "words-reference": _words(plan, labels, rng),
        "bert-reference": _bert(plan, labels, rng),
    }
    tensors["align-reference"] = _align(plan, tensors["words-reference"], tensors["mel"])
    tensors["bert_tokens-reference"] = _bert_tokens(plan, tensors["bert-reference"], rng)
    for name, content in tensors.items():
        save_file(content, folder / f"{name}.safetensors")
    pq.write_table(_index(plan, labels, tensors["mel"]["offsets"]), folder / "index.parquet")
    write_meta(folder, plan)
    return folder


def write_meta(folder: Path, plan: CachePlan, **changes: Any) -> None:
    """Write meta.json, with some entries replaced."""
    files = sorted(p for p in folder.iterdir() if p.name != "meta.json")
    digests = {p.name: _digest(p) for p in files}
    meta: dict[str, Any] = {
        "format": 4,
        "task": "emotion4",
        "classes": list(CLASSES),
        "sources": ["reference"],
        "n_mels": plan.n_mels,
        "word_dim": plan.word_dim,
        "bert_dim": plan.bert_dim,
        "mel_max_frames": 1500,
        "splits": {"speaker": {"folds": plan.folds, "protocol": "speaker", "chosen_on": "val"}},
        "rows": plan.utterances * (1 + len(plan.views)),
        "utterances": plan.utterances,
        "features": {"audio": {"sample_rate_hz": 16000}, "mel": {"n_mels": plan.n_mels}},
        "catalog": "0" * 32,
        "dimensions": list(DIMENSIONS),
        "scales": {"demo": [1, 5]},
        "files": digests,
        **changes,
    }
    text = json.dumps(meta, sort_keys=True)
    meta["key"] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    (folder / "meta.json").write_text(json.dumps(meta))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _rows(plan: CachePlan) -> list[tuple[int, str]]:
    views = ("original", *sorted(plan.views))
    return [(u, view) for u in range(plan.utterances) for view in views]


def _mel(plan: CachePlan, labels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    parts = []
    for utterance, _ in _rows(plan):
        mel = rng.normal(-5, 1, (int(rng.integers(9, 40)), plan.n_mels))
        mel[:, labels[utterance] :: len(CLASSES)] += plan.signal
        parts.append(mel.astype(np.float16))
    wide = [part.astype(np.float64) for part in parts]
    return {
        "values": np.concatenate(parts),
        "offsets": np.cumsum([0, *map(len, parts)], dtype=np.int64),
        "sum": np.stack([part.sum(axis=0) for part in wide]),
        "sum_squares": np.stack([(part**2).sum(axis=0) for part in wide]),
    }


def _words(plan: CachePlan, labels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    table = rng.normal(0, 1, (2 + 3 * len(CLASSES), plan.word_dim)).astype(np.float32)
    table[:2] = 0.0
    ids = [2 + 3 * label + rng.integers(0, 3, int(rng.integers(1, 6))) for label in labels]
    ids[0] = np.array([1])  # an empty transcript
    offsets = np.cumsum([0, *map(len, ids)], dtype=np.int64)
    names = json.dumps([["en", f"w{i}"] for i in range(2, len(table))]).encode()
    return {
        "ids": np.concatenate(ids).astype(np.int32),
        "offsets": offsets,
        "table": table,
        "vocabulary": np.frombuffer(names, np.uint8),
    }


def _align(
    plan: CachePlan, words: dict[str, np.ndarray], mel: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Words share the frames of the original evenly; the first utterance has no times."""
    frames = np.diff(mel["offsets"])[:: 1 + len(plan.views)]
    counts = np.diff(words["offsets"])
    spans = [
        np.stack([np.arange(n), np.arange(1, n + 1)], axis=1) * length // n
        for n, length in zip(counts, frames, strict=True)
    ]
    spans[0] = np.zeros_like(spans[0])
    return {"frames": np.concatenate(spans).astype(np.int32)}


def _bert_tokens(
    plan: CachePlan, bert: dict[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    counts = rng.integers(2, 5, plan.utterances)
    states = np.repeat(bert["first"], counts, axis=0)
    noise = rng.normal(0, 0.1, states.shape)
    offsets = np.cumsum([0, *counts], dtype=np.int64)
    return {"states": (states + noise).astype(np.float16), "offsets": offsets}


def _bert(plan: CachePlan, labels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    centres = plan.signal * rng.normal(0, 1, (len(CLASSES), plan.bert_dim))
    noise = rng.normal(0, 1, (2, plan.utterances, plan.bert_dim))
    first, mean = (centres[labels] + noise).astype(np.float32)
    return {"first": first, "mean": mean}


def _index(plan: CachePlan, labels: np.ndarray, offsets: np.ndarray) -> pa.Table:
    rows = _rows(plan)
    utterance = np.array([u for u, _ in rows])
    frames = np.diff(offsets)
    columns = {
        "utt_id": [f"demo/u{u:04d}" for u, _ in rows],
        "utterance": pa.array(utterance, pa.int32()),
        "view": [view for _, view in rows],
        "label": pa.array(labels[utterance], pa.int16()),
        "soft_label": pa.nulls(len(rows), pa.list_(pa.float32())),
        "speaker": [f"s{(u // len(CLASSES)) % plan.folds}" for u, _ in rows],
        "corpus": ["demo"] * len(rows),
        "frames": pa.array(frames, pa.int32()),
        "duration_s": pa.array(frames * 0.01, pa.float64()),
    }
    for name, rating in zip(DIMENSIONS, _ratings(plan, labels), strict=True):
        columns[name] = pa.array(rating[utterance], pa.float32(), from_pandas=True)
    for fold in range(plan.folds):
        columns[f"speaker/{fold}"] = [_side(plan, u, view, fold) for u, view in rows]
    return pa.table(columns)


def _ratings(plan: CachePlan, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two ratings from 1 to 5 that follow from the class; every seventh has no arousal."""
    rng = np.random.default_rng(1)
    arousal = np.array([4.5, 4.0, 2.5, 1.5])[labels] + rng.uniform(-0.4, 0.4, len(labels))
    valence = np.array([1.5, 4.5, 3.0, 2.0])[labels] + rng.uniform(-0.4, 0.4, len(labels))
    arousal[::7] = np.nan
    return arousal, valence


def _side(plan: CachePlan, utterance: int, view: str, fold: int) -> str | None:
    group = utterance // len(CLASSES)
    side = "test" if group % plan.folds == fold else ("val" if group % 5 == 0 else "train")
    return side if view == "original" or side == "train" else None


TINY = VcemoSettings(
    name="vcemo",
    d=32,
    heads=4,
    ff=64,
    layers=1,
    dropout=0.1,
    frames_per_step=1,
    audio_lstm="forward",
    conv_channels=(4, 8),
    projection=16,
    fusion1_guide="word",
    fusion2_guide="sequence",
    align="resample_word_to_audio",
    word_conv="local",
    concat="time",
    pool="mean",
    bert="first",
    audio_head=False,
)
BASELINES = {  # tiny ones; a name -> its settings
    "umons": UmonsSettings("umons", 32, 4, 32, 2, 0.1, 6, 4, 32, "trained"),
    "xu": XuSettings("xu", 16, 0.5, "frozen"),
    "xu_delta": XuDeltaSettings("xu_delta", 32, 16, 4, 0.5, 30, 4, "trained"),
    "yoon_mha": YoonMhaSettings("yoon_mha", 2, 16, 0.3, "frozen"),
    "yoon_mdre": YoonMdreSettings("yoon_mdre", 32, 0.3, 0.7, 30, 4, "trained"),
    "yoon_mdrea": YoonMdreSettings("yoon_mdrea", 32, 0.3, 0.7, 30, 4, "trained"),
    "cme": CmeSettings("cme", (16, 16), 16, 300, "trained"),
}
FULL = replace(TINY, d=256, ff=1024, layers=3, conv_channels=(32, 64), projection=128)
OPTIMISER = Optimiser(
    name="adam",
    lr=1e-3,
    weight_decay=0.0,
    schedule="constant",
    warm_up=0.0,
    clip_norm=5.0,
    clip_value=None,
)
TRAINING = TrainSettings(
    members=1,
    epochs=3,
    batch_size=8,
    sampling="shuffle",
    normalisation="train",
    views=("noise",),
    view_probability=0.5,
    view_pairs=False,
    spec_augment=None,
    mixup=0.0,
    modality_dropout=0.0,
    text_dropout=0.0,
    double_view=False,
    objective=Objective(name="cross_entropy", label_smoothing=0.0, class_weights="none"),
    contrast=Contrast(alpha=0.1, temperature=1.0, empty="skip", moco=None),
    regression=None,
    optimiser=OPTIMISER,
    ema=None,
    average_epochs=1,
    best_by="wa",
    patience=None,
    precision="auto",
    compile=None,
)
RUN = RunSettings(
    name="all",
    task="emotion4",
    split="speaker",
    source="reference",
    modalities=("audio", "words", "bert"),
    seeds=(0,),
    model=TINY,
    training=TRAINING,
)


@pytest.fixture(scope="session")
def tiny() -> VcemoSettings:
    """A model for tests: d 32, one layer."""
    return TINY


@pytest.fixture(scope="session")
def baselines() -> dict[str, BaselineSettings]:
    """Every other model of the paper, tiny, by its name."""
    return BASELINES


@pytest.fixture(scope="session")
def full() -> VcemoSettings:
    """The sizes of the specification."""
    return FULL


@pytest.fixture(scope="session")
def run_settings() -> RunSettings:
    """Three epochs of the tiny model with all modalities on the synthetic cache."""
    return RUN


@pytest.fixture(scope="session")
def baseline_runs() -> dict[str, RunSettings]:
    """A run of each baseline, by its name: its two inputs, no contrastive loss."""
    training = replace(TRAINING, contrast=None)
    base = replace(RUN, modalities=("audio", "words"), training=training)
    return {name: replace(base, name=name, model=model) for name, model in BASELINES.items()}


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic cache that no test changes."""
    return write_cache(tmp_path_factory.mktemp("cache") / "emotion4")


@pytest.fixture
def make_cache(tmp_path: Path) -> Callable[..., Path]:
    """Makes a cache of its own for a test, the plan changed as told."""
    return lambda **changes: write_cache(tmp_path / "own-cache", replace(PLAN, **changes))


@pytest.fixture
def rewrite_meta() -> Callable[..., None]:
    """Rewrites the meta.json of a test's own cache with some entries replaced."""
    return lambda folder, **changes: write_meta(folder, PLAN, **changes)

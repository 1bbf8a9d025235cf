"""A trained run under conditions it was not trained for: its test answers once more.

A condition replaces inputs and nothing else: spectrograms by derived ones, texts by those of
another source, or modalities by nothing. Who loses what is drawn from names, so that those who
lose something at one rate also lose it at a higher one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from training.answers import predictions_table
from training.augment import blank
from training.batch import Batch
from training.cache import TensorCache, open_cache
from training.data import open_features
from training.device import choose_device
from training.draw import seed_of
from training.ensemble import answer
from training.jobs import FoldJob, ensembles, plan
from training.normalise import Rows
from training.ragged import Ragged
from training.settings import Modality, RunSettings

EVEN = 2**63  # seeds lie below it


@dataclass(frozen=True)
class Condition:
    """What is other than in training; `grid` and `level` name it in the table of answers."""

    grid: str
    level: str
    mel: Ragged | None = None  # spectrograms in place of the cache's, a row per row of the index
    source: str | None = None  # texts in place of the run's
    lost: tuple[Modality, ...] = ()  # what goes missing; of several each utterance loses one
    share: float = 1.0  # of the utterances that lose it
    seed: int = 0


def answer_under(
    run: RunSettings,
    cache_dir: Path,
    run_dir: Path,
    conditions: Sequence[Condition],
    device: str = "auto",
) -> pa.Table:
    """Test answers of a trained run under each condition, as `predictions` with grid and level.

    Raises:
        ValueError: the run is not trained on this cache, or lacks the text source of a condition.
    """
    cache = open_cache(cache_dir)
    jobs = plan(run, cache, run_dir, choose_device(device))
    return pa.concat_tables([_table(run, cache, jobs, condition) for condition in conditions])


def _table(
    run: RunSettings, cache: TensorCache, jobs: Sequence[FoldJob], condition: Condition
) -> pa.Table:
    heard = run if condition.source is None else replace(run, source=condition.source)
    features = open_features(cache, heard)
    if condition.mel is not None and features.mel is not None:
        features = replace(features, mel=condition.mel)
    answered = [
        result
        for ensemble in ensembles(jobs)
        for result in answer(ensemble, features, ("test",), partial(_spoilt, cache, condition))
    ]
    table = predictions_table(run, cache, answered)
    for name in ("grid", "level"):
        table = table.append_column(name, pa.array([getattr(condition, name)] * len(table)))
    return table


def _spoilt(cache: TensorCache, condition: Condition, batch: Batch) -> Batch:
    if not condition.lost:
        return batch
    which = _losses(cache, batch.row.numpy(), condition)
    masks: list[Tensor | None] = [
        torch.from_numpy(which == condition.lost.index(m)) if m in condition.lost else None
        for m in ("audio", "words", "bert")
    ]
    return blank(batch, *masks)


def _losses(cache: TensorCache, rows: Rows, condition: Condition) -> Rows:
    """The number in `lost` of what each utterance loses, -1 for nothing."""
    names = [cache.utt_ids[row] for row in rows]
    drawn = np.array([seed_of("lost", condition.seed, name) / EVEN for name in names])
    choice = np.array([seed_of("which", condition.seed, n) % len(condition.lost) for n in names])
    return np.where(drawn < condition.share, choice, -1)

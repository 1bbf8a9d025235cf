"""Grids of conditions for a trained run: noise, silence, missing modalities, other texts.

The spectrograms of noisy recordings are made here from the recordings, with the store's
parameters, and kept nowhere: the noise of an utterance is drawn from its id, louder or softer at
each level.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.audio import AudioParams
from features.augment import Recipe, apply_recipe
from features.mel import MelParams, log_mel
from pipeline.robustness.params import RobustnessParams
from pipeline.rows.audio import read
from training.settings import RunSettings

if TYPE_CHECKING:
    from training.cache import TensorCache
    from training.robustness import Condition

CLEAN = "none"  # the condition of the run itself, to compare with
LOCATION = ["utt_id", "corpus", "path", "start_s", "end_s", "audio_key"]


@dataclass(frozen=True)
class Sound:
    """How recordings become spectrograms."""

    audio: AudioParams
    mel: MelParams
    max_frames: int
    roots: Mapping[str, Path]  # corpus -> where its recordings lie


def answers(
    run: RunSettings,
    params: RobustnessParams,
    sound: Sound,
    manifests: list[Path],
    *,
    cache_dir: Path,
    run_dir: Path,
    device: str,
) -> pa.Table:
    """Test answers of the run under each condition of its grids.

    Raises:
        ValueError: the run is not trained, or the cache lacks a text source.
        ChangedError, FileNotFoundError: a recording is not what the store was made from.
    """
    from training.cache import open_cache
    from training.robustness import answer_under

    cache = open_cache(cache_dir)
    conditions = list(_conditions(run, params, sound, manifests, cache))
    return answer_under(run, cache_dir, run_dir, conditions, device)


def _conditions(
    run: RunSettings,
    params: RobustnessParams,
    sound: Sound,
    manifests: list[Path],
    cache: "TensorCache",
) -> Iterator["Condition"]:
    from training.robustness import Condition

    yield Condition("clean", CLEAN)
    if "audio" in run.modalities:
        recordings = _recordings(manifests, cache, run.split) if params.noise_db else {}
        for level in params.noise_db:
            mel = _noisy(recordings, sound, cache, level, params.seed)
            yield Condition("noise", f"{level:g}", mel=mel)
        if params.silence:
            yield Condition("missing", "audio silenced", mel=_silent(cache, sound.mel))
    for modality in params.missing:
        if modality in run.modalities:
            yield Condition("missing", f"{modality} missing", lost=(modality,))
    for rate in params.missing_rates if len(run.modalities) > 1 else ():
        lost = run.modalities
        yield Condition("rate", f"{rate:g}", lost=lost, share=rate, seed=params.seed)
    for source in params.sources if {"words", "bert"} & set(run.modalities) else ():
        yield Condition("text", source, source=source)


def _recordings(
    manifests: list[Path], cache: "TensorCache", split: str
) -> dict[int, dict[str, Any]]:
    """Where the recording of each row that is tested in some fold lies; by row of the index."""
    folds = range(cache.folds(split))
    tested = np.unique(np.concatenate([cache.rows(split, fold, "test") for fold in folds]))
    row = {cache.utt_ids[i]: int(i) for i in tested}
    tables = [pq.read_table(path, columns=LOCATION, partitioning=None) for path in manifests]
    places = pa.concat_tables(tables).to_pylist()
    return {row[place["utt_id"]]: place for place in places if place["utt_id"] in row}


def _noisy(
    recordings: Mapping[int, Mapping[str, Any]],
    sound: Sound,
    cache: "TensorCache",
    snr_db: float,
    seed: int,
) -> Any:
    """Spectrograms with noise, a row for each of the index: empty where not tested."""
    rate = sound.audio.sample_rate_hz
    parts = []
    for row in sorted(recordings):
        place = recordings[row]
        x = read(sound.roots[place["corpus"]], dict(place), rate)
        recipe = Recipe("noise", _seed(place["utt_id"], seed), snr_db, None, None)
        mel = log_mel(apply_recipe(x, rate, recipe), rate, sound.mel)[: sound.max_frames]
        if len(mel) != cache.frames[row]:
            raise ValueError(
                f"{place['utt_id']}: {len(mel)} frames from its recording, {cache.frames[row]} in "
                "the cache, so mel parameters and cache disagree; run `dvc repro pack`"
            )
        parts.append(mel)
    lengths = np.zeros(len(cache.frames), np.int64)
    lengths[sorted(recordings)] = [len(part) for part in parts]
    return _ragged(np.concatenate(parts), lengths)


def _silent(cache: "TensorCache", params: MelParams) -> Any:
    """The cache's spectrograms with every value at the floor."""
    frames, width = int(cache.frames.sum()), int(cache.meta["n_mels"])
    lowest = np.broadcast_to(np.float16(log(params.floor)), (frames, width))
    return _ragged(lowest, cache.frames)


def _ragged(values: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]) -> Any:
    import torch

    from training.ragged import Ragged

    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    return Ragged(torch.from_numpy(np.ascontiguousarray(values)), offsets)


def _seed(utt_id: str, seed: int) -> int:
    name = f"robustness/{seed}/{utt_id}"
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") >> 1

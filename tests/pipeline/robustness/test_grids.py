"""Laws of the conditions, over real recordings and a packed cache's numbers."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from features.audio import AudioParams
from features.mel import MelParams, log_mel
from pipeline.keys import digest
from pipeline.robustness.grids import Sound, _noisy, _silent
from pipeline.robustness.params import RobustnessParams

MEL = MelParams(512, 25, 10, 80, 0, 8000, 1e-6)


@pytest.fixture
def recording(tmp_path: Path) -> dict[str, Any]:
    sound = (0.2 * np.sin(np.arange(8000) / 12)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", sound, 16000, subtype="FLOAT")
    key = digest((tmp_path / "a.wav").read_bytes())
    place = {"utt_id": "c/a", "corpus": "c", "path": "a.wav", "audio_key": key}
    return place | {"start_s": None, "end_s": None, "samples": sound}


def cache_of(frames: list[int]) -> Any:
    return SimpleNamespace(frames=np.array(frames), meta={"n_mels": 80})


def test_more_noise_is_farther_from_the_clean_spectrogram(
    recording: dict[str, Any], tmp_path: Path
) -> None:
    clean = log_mel(recording["samples"], 16000, MEL).astype(np.float32)
    sound = Sound(AudioParams(16000), MEL, 1500, {"c": tmp_path})
    distances = []
    for level in (60.0, 30.0, 10.0, 0.0):
        found = _noisy({1: recording}, sound, cache_of([7, len(clean)]), level, 0)
        assert found.offsets.tolist() == [0, 0, len(clean)]
        again = _noisy({1: recording}, sound, cache_of([7, len(clean)]), level, 0)
        assert found.values.equal(again.values)
        distances.append(float(np.abs(found.values.numpy() - clean).mean()))
    assert distances == sorted(distances) and distances[0] < distances[-1] / 2


def test_a_cache_of_other_parameters_is_told(recording: dict[str, Any], tmp_path: Path) -> None:
    sound = Sound(AudioParams(16000), MEL, 1500, {"c": tmp_path})
    with pytest.raises(ValueError, match="c/a: 51 frames from its recording, 40 in the cache"):
        _noisy({0: recording}, sound, cache_of([40]), 10.0, 0)


def test_silence_is_what_the_store_makes_of_zeros() -> None:
    silent = log_mel(np.zeros(1600, np.float32), 16000, MEL)
    assert np.array_equal(_silent(cache_of([len(silent)]), MEL).values.numpy(), silent)


def test_a_rate_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"missing_rates has 1\.5"):
        RobustnessParams((), False, (), (1.5,), (), 0)

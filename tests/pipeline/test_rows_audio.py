"""The sound that a row is computed from is the one that its key names."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.listing.recordings import examine
from pipeline.rows.audio import ChangedError, read

RATE = 16000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.linspace(-0.5, 0.5, RATE), RATE, subtype="PCM_16")
    return path


@pytest.mark.parametrize(("start_s", "end_s"), [(None, None), (0.25, 0.75), (0.5, None)])
def test_the_manifests_hash_opens_the_recording(
    file: Path, start_s: float | None, end_s: float | None
) -> None:
    (recording,) = examine(file, [(start_s, end_s)])
    row = {"path": file.name, "start_s": start_s, "end_s": end_s}
    sound = read(file.parent, row | {"audio_key": recording.audio_key}, RATE)
    assert len(sound) == recording.duration_s * RATE


def test_a_recording_that_changed_since_is_refused(file: Path) -> None:
    (recording,) = examine(file, [(None, None)])
    row = {"path": file.name, "start_s": None, "end_s": None, "audio_key": recording.audio_key}
    read(file.parent, row, RATE)
    soundfile.write(file, np.linspace(-0.4, 0.4, RATE), RATE, subtype="PCM_16")
    with pytest.raises(ChangedError, match=r"a\.wav: changed since the manifest was made"):
        read(file.parent, row, RATE)

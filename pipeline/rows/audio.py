"""What rows computed from recordings share: where the sound of an utterance is."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.corpus import Corpus, look_up

COLUMNS = ("path", "start_s", "end_s")


def locate(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """File and segment of each row's utterance: utt_id, path, start_s, end_s."""
    return look_up(corpus.utterances("utt_id", *COLUMNS), ["utt_id"], rows)


def read(root: Path, row: dict[str, Any], sample_rate_hz: int) -> npt.NDArray[np.float32]:
    """The sound of a row of `locate`: float32 [samples], mono."""
    from features.audio import read_audio

    path = root / row["path"]
    return read_audio(path, sample_rate_hz, start_s=row["start_s"], end_s=row["end_s"])

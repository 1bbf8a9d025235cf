"""What rows computed from recordings share: where the sound of an utterance is."""

from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.corpus import Corpus, look_up
from pipeline.keys import digest, key_of

COLUMNS = ("path", "start_s", "end_s", "audio_key")


class ChangedError(ValueError):
    """A recording is not what it was when the manifest was made."""


def locate(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """File, segment and hash of each row's utterance: utt_id, path, start_s, end_s, audio_key."""
    return look_up(corpus.utterances("utt_id", *COLUMNS), ["utt_id"], rows)


def read(root: Path, row: dict[str, Any], sample_rate_hz: int) -> npt.NDArray[np.float32]:
    """The sound of a row of `locate`: float32 [samples], mono.

    The bytes that are decoded are those whose hash the row's key holds.

    Raises:
        ChangedError: the file has changed since the manifest was made.
        AudioError: it cannot be decoded.
    """
    from features.audio import read_audio

    path = root / row["path"]
    status = path.stat()
    data, found = _load(path, status.st_mtime_ns, status.st_size)
    start_s, end_s = row["start_s"], row["end_s"]
    if start_s is not None or end_s is not None:
        found = key_of([found, start_s, end_s])
    if found != row["audio_key"]:
        raise ChangedError(f"{path}: changed since the manifest was made; run `dvc repro` again")
    sound = BytesIO(data)
    sound.name = str(path)  # for the errors of `read_audio`
    return read_audio(sound, sample_rate_hz, start_s=start_s, end_s=end_s)


@lru_cache(maxsize=1)  # the rows of one file follow each other
def _load(path: Path, mtime_ns: int, size: int) -> tuple[bytes, str]:
    data = path.read_bytes()
    return data, digest(data)

"""Log-mel spectrograms: an utterance x view, the original included."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.audio import AudioParams, decode_flac
from features.mel import MelParams
from pipeline.corpus import Corpus, look_up
from pipeline.keys import recipe_key, row_keys, strings
from pipeline.rows import audio
from pipeline.shard_files import read_rows
from pipeline.shards import Compute

VERSION = 1
ORIGINAL = "original"
PAYLOAD = pa.schema(
    [
        pa.field("frames", pa.int32(), nullable=False),
        pa.field(  # flat, frame after frame; DuckDB reads it as FLOAT[]
            "mel", pa.list_(pa.field("element", pa.float16(), nullable=False)), nullable=False
        ),
    ]
)


def wanted(corpus: Corpus) -> pa.Table:
    """A row for each utterance and for each stored view of one."""
    recipe = recipe_key(
        "mel", VERSION, {"audio": asdict(corpus.params.audio), "mel": asdict(corpus.params.mel)}
    )
    originals = corpus.utterances("utt_id", "audio_key").rename_columns(["utt_id", "key"])
    originals = originals.append_column("view", pa.array([ORIGINAL] * len(originals), pa.string()))
    views = corpus.rows("views", "utt_id", "key", "view")
    parents = pa.concat_tables(
        [originals, views.select(originals.column_names)], promote_options="permissive"
    )
    keys = row_keys(recipe, strings(parents["key"]))
    return parents.select(["utt_id", "view"]).append_column("key", keys)


def inputs(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """Where the sound of each row is: in the corpus, or (file, row) among the stored views."""
    located = audio.locate(corpus, rows).append_column("view", rows["view"])
    stored = look_up(corpus.located_rows("views", "utt_id", "view"), ("utt_id", "view"), rows)
    file = stored["file"].cast(pa.string())
    return located.append_column("file", file).append_column("row", stored["row"])


def compute(corpus: Corpus, inputs: pa.Table) -> Compute:
    """How the payload of some rows is made."""
    return _Mel(corpus.root, corpus.params.audio, corpus.params.mel)


@dataclass(frozen=True)
class _Mel:
    root: Path
    audio: AudioParams
    mel: MelParams

    def __call__(self, inputs: pa.Table) -> pa.Table:
        from features.mel import log_mel

        flacs = _read_views(inputs)
        rows = []
        for position, row in enumerate(inputs.to_pylist()):
            sound = self._sound(row, flacs.get(position))
            mel = log_mel(sound, self.audio.sample_rate_hz, self.mel)
            rows.append((len(mel), mel.ravel()))
        return _payload(rows)

    def _sound(self, row: dict[str, Any], flac: bytes | None) -> npt.NDArray[np.float32]:
        if flac is None:
            return audio.read(self.root, row, self.audio.sample_rate_hz)
        return decode_flac(flac)[0]


def _read_views(inputs: pa.Table) -> dict[int, bytes]:
    """The FLAC of those rows that are stored views, by position."""
    file = inputs["file"].combine_chunks().dictionary_encode()
    codes = file.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    flacs: dict[int, bytes] = {}
    for code, path in enumerate(file.dictionary.to_pylist()):
        here = np.flatnonzero(codes == code)
        table = read_rows(Path(path), inputs["row"].take(here).to_numpy(), ["flac"])
        flacs |= zip(here.tolist(), table["flac"].to_pylist(), strict=True)
    return flacs


def _payload(rows: list[tuple[int, npt.NDArray[np.float16]]]) -> pa.Table:
    offsets = np.cumsum([0, *(len(values) for _, values in rows)], dtype=np.int32)
    values = pa.array(np.concatenate([values for _, values in rows]), pa.float16())
    mel = pa.ListArray.from_arrays(pa.array(offsets), values, type=PAYLOAD.field("mel").type)
    return pa.table([pa.array([frames for frames, _ in rows], pa.int32()), mel], schema=PAYLOAD)


def provenance(corpus: Corpus) -> dict[str, Any]:
    """None: no model takes part."""
    return {}

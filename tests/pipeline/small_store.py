"""A store of a few made-up utterances, written straight with Arrow, for tests of its readers."""

import random
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.catalog import Catalog, Entry

N_MELS, WORD_DIM, BERT_DIM = 4, 3, 5
LABELS = ("angry", "happy", "sad")
WORDS = ("we", "are", "late", "zzz", "again")  # zzz is in no model


@dataclass(frozen=True)
class Spec:
    """What the store holds and how its rows lie in shards."""

    root: Path
    corpora: tuple[str, ...] = ("one",)
    utterances: int = 12  # per corpus
    views: tuple[str, ...] = ("original", "pitch", "noise")
    sources: tuple[str, ...] = ("reference",)
    shards: int = 2
    order: int = 0  # seed of the order of rows over shards
    omit: tuple[tuple[str, str], ...] = ()  # (feature, utt_id) left out


def numbers(*names: str) -> np.random.Generator:
    """Random values that depend on names alone."""
    return np.random.default_rng(int(blake2b("/".join(names).encode()).hexdigest()[:12], 16))


def frames_of(utt_id: str, view: str) -> int:
    """Length of a spectrogram."""
    return int(numbers(utt_id, view, "frames").integers(2, 9))


def mel_of(utt_id: str, view: str) -> np.ndarray:
    """float16 [frames, N_MELS]."""
    shape = (frames_of(utt_id, view), N_MELS)
    return numbers(utt_id, view).normal(-4, 2, shape).astype(np.float16)


def tokens_of(utt_id: str, source: str) -> list[str]:
    """Words of an utterance; number 3 said nothing."""
    if utt_id.endswith("03"):
        return []
    return [str(w) for w in numbers(utt_id, source).choice(WORDS, 3)]


def vector_of(token: str) -> np.ndarray:
    """float32 [WORD_DIM]."""
    if token == "zzz":
        return np.zeros(WORD_DIM, np.float32)
    return numbers(token).normal(size=WORD_DIM).astype(np.float32)


def word_times(tokens: list[str]) -> list[dict[str, Any]]:
    """What an ASR tells of words: half a second each."""
    return [{"word": f" {t}", "start_s": i / 2, "end_s": (i + 1) / 2} for i, t in enumerate(tokens)]


def states_of(utt_id: str, source: str) -> np.ndarray:
    """float16 [tokens with two special ones, BERT_DIM]."""
    shape = (len(tokens_of(utt_id, source)) + 2, BERT_DIM)
    return numbers(utt_id, source, "states").normal(size=shape).astype(np.float16)


def utterances_of(corpus: str, count: int) -> list[dict[str, Any]]:
    """Rows of a manifest: labels and speakers in turn, the last one of a label of no class."""
    return [
        {
            "utt_id": f"{corpus}/{i:02d}",
            "corpus": corpus,
            "path": f"{i:02d}.wav",
            "start_s": None,
            "end_s": None,
            "duration_s": 1.0 + i / 8,
            "sample_rate": 16000,
            "channels": 1,
            "peak_db": -3.0,
            "loudness_db": -20.0,
            "snr_db": 25.0,
            "audio_key": f"audio-{corpus}-{i}",
            "speaker": f"{corpus}-s{i % 4}",
            "language": "en",
            "transcript": " ".join(tokens_of(f"{corpus}/{i:02d}", "reference")),
            "raw_label": "x",
            "label": "bored" if i == count - 1 else LABELS[i % len(LABELS)],
            "soft_label": [("angry", 0.5), ("happy", 0.25), ("bored", 0.25)] if i == 0 else None,
            "split": None,
        }
        for i in range(count)
    ]


MANIFEST = pa.schema(
    [
        ("utt_id", pa.string()), ("corpus", pa.string()), ("path", pa.string()),
        ("start_s", pa.float64()), ("end_s", pa.float64()), ("duration_s", pa.float64()),
        ("sample_rate", pa.int32()), ("channels", pa.int16()), ("peak_db", pa.float32()),
        ("loudness_db", pa.float32()), ("snr_db", pa.float32()), ("audio_key", pa.string()),
        ("speaker", pa.string()), ("gender", pa.string()), ("age", pa.int16()),
        ("language", pa.string()), ("session", pa.string()), ("dialogue", pa.string()),
        ("turn", pa.int32()), ("transcript", pa.string()), ("raw_label", pa.string()),
        ("label", pa.string()), ("soft_label", pa.map_(pa.string(), pa.float32())),
        ("arousal", pa.float32()), ("valence", pa.float32()), ("dominance", pa.float32()),
        ("split", pa.string()),
    ]
)  # fmt: skip
_IDS = [("utt_id", pa.string())]
_KEY = [("key", pa.string())]
_FLOATS = pa.list_(pa.float32())
_WORD = pa.struct(
    [("word", pa.string()), *((n, pa.float32()) for n in ("start_s", "end_s", "probability"))]
)
SCHEMAS = {
    "transcripts": pa.schema(
        [*_IDS, ("source", pa.string()), *_KEY, ("text", pa.string()), ("text_key", pa.string()),
         ("language", pa.string()), ("avg_logprob", pa.float32()), ("words", pa.list_(_WORD))]
    ),
    "views": pa.schema(
        [*_IDS, ("view", pa.string()), *_KEY, ("seed", pa.int64()), ("duration_s", pa.float64()),
         ("flac", pa.binary())]
    ),
    "mel": pa.schema(
        [*_IDS, ("view", pa.string()), *_KEY, ("frames", pa.int32()),
         ("mel", pa.list_(pa.field("element", pa.float16(), False)))]
    ),
    "words": pa.schema(
        [*_IDS, ("source", pa.string()), *_KEY, ("tokens", pa.list_(pa.string())),
         ("known", pa.list_(pa.bool_())), ("unknown_share", pa.float32()), ("vectors", _FLOATS)]
    ),
    "bert": pa.schema(
        [*_IDS, ("source", pa.string()), *_KEY, ("first", _FLOATS), ("mean", _FLOATS),
         ("n_tokens", pa.int32()), ("truncated", pa.bool_()),
         ("token_states", pa.list_(pa.field("element", pa.float16(), False)))]
    ),
}  # fmt: skip


def _audio_row(feature: str, utt_id: str, view: str) -> dict[str, Any]:
    row = {"utt_id": utt_id, "view": view, "key": f"{feature}|{utt_id}|{view}"}
    if feature == "views":
        return row | {"seed": 7, "duration_s": 0.5, "flac": b"fLaC"}
    return row | {"frames": frames_of(utt_id, view), "mel": mel_of(utt_id, view).ravel()}


def _text_row(feature: str, utt_id: str, source: str) -> dict[str, Any]:
    row = {"utt_id": utt_id, "source": source, "key": f"{feature}|{utt_id}|{source}"}
    tokens = tokens_of(utt_id, source)
    if feature == "transcripts":
        heard = None if source == "reference" else word_times(tokens)
        text = {"text": " ".join(tokens), "text_key": "t", "language": "en"}
        return row | text | {"words": heard}
    if feature == "words":
        vectors = np.array([vector_of(t) for t in tokens], np.float32).ravel()
        known = [t != "zzz" for t in tokens]
        return row | {"tokens": tokens, "known": known, "vectors": vectors}
    draw = numbers(utt_id, source, "bert")
    values = {k: draw.normal(size=BERT_DIM).astype(np.float32) for k in ("first", "mean")}
    states = states_of(utt_id, source)
    counted = {"n_tokens": len(states), "truncated": False, "token_states": states.ravel()}
    return row | values | counted


def rows_of(spec: Spec, corpus: str, feature: str) -> list[dict[str, Any]]:
    """All rows of a feature of a corpus."""
    ids = [u["utt_id"] for u in utterances_of(corpus, spec.utterances)]
    ids = [i for i in ids if (feature, i) not in spec.omit]
    if feature in ("transcripts", "words", "bert"):
        return [_text_row(feature, i, s) for i in ids for s in spec.sources]
    views = [v for v in spec.views if feature == "mel" or v != "original"]
    return [_audio_row(feature, i, v) for i in ids for v in views]


def build(spec: Spec) -> Catalog:
    """Write the store under `spec.root`."""
    catalog: Catalog = {}
    for corpus in spec.corpora:
        manifest = spec.root / "manifest" / f"{corpus}.parquet"
        rows = utterances_of(corpus, spec.utterances)
        catalog[corpus] = {"manifest": _entry(len(rows), [_write(manifest, rows, MANIFEST)])}
        for feature, schema in SCHEMAS.items():
            rows = rows_of(spec, corpus, feature)
            random.Random(spec.order).shuffle(rows)
            folder = spec.root / "store" / feature / corpus
            paths = [
                _write(folder / f"{n:05d}.parquet", rows[n :: spec.shards], schema)
                for n in range(spec.shards)
            ]
            catalog[corpus][feature] = _entry(len(rows), paths)
    return catalog


def write_split(path: Path, rows: list[tuple[str, int, str]]) -> Path:
    """A split of (utt_id, fold, subset)."""
    names = ("utt_id", "fold", "subset")
    schema = pa.schema([("utt_id", pa.string()), ("fold", pa.int16()), ("subset", pa.string())])
    plain = [dict(zip(names, row, strict=True)) for row in rows]
    _write(path, sorted(plain, key=lambda r: (r["fold"], r["utt_id"])), schema)
    return path


def simple_split(path: Path, corpora: tuple[str, ...] = ("one",), count: int = 12) -> Path:
    """Two folds that hold every class on each side; the subset goes by the speaker's number."""
    return write_split(
        path,
        [
            (u["utt_id"], fold, ("test", "train", "train", "val")[(i + fold) % 4])
            for corpus in corpora
            for i, u in enumerate(utterances_of(corpus, count))
            for fold in range(2)
        ],
    )


def with_params(catalog: Catalog, corpus: str, feature: str, params: dict[str, Any]) -> Catalog:
    """The catalog with other parameters in one entry."""
    entry = replace(catalog[corpus][feature], params=params)
    return {**catalog, corpus: {**catalog[corpus], feature: entry}}


def _write(path: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, store_schema=False)
    return path


def _entry(rows: int, paths: list[Path]) -> Entry:
    return Entry(rows, "0" * 32, tuple(str(p) for p in paths), {}, {})

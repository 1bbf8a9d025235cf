"""Transcripts: an utterance x text source; the corpus's own text, or what a Whisper heard."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from features.asr import SAMPLE_RATE_HZ, WhisperParams
from pipeline.corpus import Corpus, look_up
from pipeline.encoders import Encoder, resolve
from pipeline.keys import key_of, recipe_key, row_keys
from pipeline.params import REFERENCE
from pipeline.rows import audio
from pipeline.rows.text import described
from pipeline.shards import Compute

VERSION = 2
WORD = pa.struct(
    [
        pa.field("word", pa.string()),
        pa.field("start_s", pa.float32()),
        pa.field("end_s", pa.float32()),
        pa.field("probability", pa.float32()),  # null where the corpus told the times
    ]
)
PAYLOAD = pa.schema(
    [
        pa.field("text", pa.string(), nullable=False),
        pa.field("text_key", pa.string(), nullable=False),  # hash of language and text
        pa.field("language", pa.string()),
        pa.field("language_probability", pa.float32()),
        pa.field("avg_logprob", pa.float32()),
        pa.field("no_speech_prob", pa.float32()),
        pa.field("compression_ratio", pa.float32()),
        pa.field("temperature", pa.float32()),
        pa.field("words", pa.list_(WORD)),  # null where their times are not known
    ]
)


def wanted(corpus: Corpus) -> pa.Table:
    """A row for each reference transcript, and one per utterance and ASR setting."""
    utterances = corpus.utterances("utt_id", "transcript", "words", "language", "audio_key")
    parts = [_wanted_references(utterances)]
    for source, params in corpus.params.asr.sources.items():
        model = encoders(corpus)[source]
        recipe = recipe_key("transcripts", VERSION, _value_params(params), model.revision)
        hints = _hints(utterances["language"].to_pylist(), params)
        heard = zip(utterances["audio_key"].to_pylist(), hints, strict=True)
        keys = row_keys(recipe, (f"{audio_key}:{hint}" for audio_key, hint in heard))
        parts.append(_ids(utterances["utt_id"], source, keys))
    return pa.concat_tables(parts)


def inputs(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """Text (for references) or sound (for an ASR setting) of each row, and its language."""
    facts = corpus.utterances("utt_id", "transcript", "words", "language", *audio.COLUMNS)
    return look_up(facts, ["utt_id"], rows).append_column("source", rows["source"])


def compute(corpus: Corpus) -> Compute:
    """How the payload of some rows is made."""
    return _Transcribe(corpus.root, corpus.params.asr.sources, encoders(corpus))


def encoders(corpus: Corpus) -> dict[str, Encoder]:
    """The model of each ASR setting.

    Raises:
        EncoderError: one of them is not to be had.
    """
    return corpus.once("whisper", lambda: _resolve_each(corpus.params.asr.sources))


def _resolve_each(sources: Mapping[str, WhisperParams]) -> dict[str, Encoder]:
    by_name: dict[str, Encoder] = {}  # several settings may have one model
    for source, params in sources.items():
        if params.model not in by_name:
            setting = f"asr.sources.{source}.model"
            by_name[params.model] = resolve(params.model, "whisper", told(params), setting)
    return {source: by_name[params.model] for source, params in sources.items()}


def provenance(corpus: Corpus) -> dict[str, Any]:
    """The model of each ASR setting: name and revision."""
    return {source: described(model) for source, model in encoders(corpus).items()}


def told(params: WhisperParams) -> str | None:
    """The one language of an ASR setting, if it has one."""
    return None if params.language in ("corpus", "detect") else params.language


def text_key(text: str, language: str | None) -> str:
    """What all rows made from a text depend on."""
    return key_of([language, text])


@dataclass(frozen=True)
class _Transcribe:
    root: Path
    sources: dict[str, WhisperParams]
    models: dict[str, Encoder]

    def __call__(self, inputs: pa.Table) -> pa.Table:
        return pa.Table.from_pylist([self._row(r) for r in inputs.to_pylist()], schema=PAYLOAD)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["source"] == REFERENCE:
            fields = {
                "text": row["transcript"],
                "language": row["language"],
                "words": row["words"],
            }
        else:
            fields = self._hear(row)
        return fields | {"text_key": text_key(fields["text"], fields["language"])}

    def _hear(self, row: dict[str, Any]) -> dict[str, Any]:
        from features.asr import load, transcribe

        params = self.sources[row["source"]]
        model = load(self.models[row["source"]].path, params.compute_type)
        sound = audio.read(self.root, row, SAMPLE_RATE_HZ)
        return asdict(transcribe(sound, model, params, _hint(row["language"], params)))


def _wanted_references(utterances: pa.Table) -> pa.Table:
    told = utterances.filter(pc.is_valid(utterances["transcript"]))
    facts = (told[name].to_pylist() for name in ("transcript", "language", "words"))
    recipe = recipe_key("transcripts", VERSION, REFERENCE)
    keys = row_keys(recipe, (_reference_key(*fact) for fact in zip(*facts, strict=True)))
    return _ids(told["utt_id"], REFERENCE, keys)


def _reference_key(text: str, language: str | None, words: list[Any] | None) -> str:
    return text_key(text, language) if words is None else key_of([language, text, words])


def _ids(utt_ids: pa.ChunkedArray, source: str, keys: pa.Array) -> pa.Table:
    sources = pa.array([source] * len(keys), pa.string())
    return pa.table({"utt_id": utt_ids, "source": sources, "key": keys})


def _value_params(params: WhisperParams) -> dict[str, Any]:
    """The parameters that change a text; the model itself enters by its revision."""
    return {k: v for k, v in asdict(params).items() if k not in ("model", "language")}


def _hints(languages: list[str | None], params: WhisperParams) -> list[str | None]:
    return [_hint(language, params) for language in languages]


def _hint(language: str | None, params: WhisperParams) -> str | None:
    """The language Whisper is told; None lets it find out."""
    return language if params.language == "corpus" else told(params)

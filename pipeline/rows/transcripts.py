"""Transcripts: an utterance x text source; the corpus's own text, or what a Whisper heard."""

import functools
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from features.asr import told_language
from features.whisper.model import Whisper
from features.whisper.params import WINDOW_S, WhisperParams
from features.whisper.windows import SAMPLE_RATE_HZ
from pipeline.corpus import Corpus, look_up
from pipeline.devices import Devices, find
from pipeline.encoders import Encoder, resolve
from pipeline.keys import key_of, recipe_key, row_keys
from pipeline.params import REFERENCE
from pipeline.rows import audio
from pipeline.rows.text import described
from pipeline.shards import Compute

log = logging.getLogger(__name__)

VERSION = 4
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
        pa.field("language_probability", pa.float32()),  # near 0: another is spoken than was told
        pa.field("avg_logprob", pa.float32()),
        pa.field("no_speech_prob", pa.float32()),
        pa.field("compression_ratio", pa.float32()),
        pa.field("temperature", pa.float32()),
        pa.field("audio_s", pa.float32()),  # this and the next two are null for `reference`
        pa.field("doubts", pa.list_(pa.string())),  # empty, low_logprob, repetitive, no_speech
        pa.field("retried", pa.bool_()),  # doubted at temperature 0, and decoded again
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
        hints = [told_language(params, known) for known in utterances["language"].to_pylist()]
        heard = zip(utterances["audio_key"].to_pylist(), hints, strict=True)
        keys = row_keys(recipe, (f"{audio_key}:{hint}" for audio_key, hint in heard))
        parts.append(_ids(utterances["utt_id"], source, keys))
    return pa.concat_tables(parts)


def inputs(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """Text (for references) or sound (for an ASR setting) of each row, and its language."""
    facts = corpus.utterances(
        "utt_id", "transcript", "words", "language", "duration_s", *audio.COLUMNS
    )
    return look_up(facts, ["utt_id"], rows).append_column("source", rows["source"])


def audio_s(inputs: pa.Table) -> float:
    """Seconds of sound that are listened to."""
    heard = inputs.filter(pc.not_equal(inputs["source"], REFERENCE))
    return float(pc.sum(heard["duration_s"]).as_py() or 0.0)


def compute(corpus: Corpus, inputs: pa.Table) -> Compute:
    """How the payload of some rows is made."""
    languages, models = _languages(inputs), encoders(corpus)
    for source in languages:
        _warn_of_short_windows(source, corpus.params.asr.sources[source])
    return Transcribe(
        root=corpus.root,
        sources={source: corpus.params.asr.sources[source] for source in languages},
        models={source: models[source] for source in languages},
        languages=languages,
        devices=find(corpus.speed),
    )


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
            by_name[params.model] = resolve(
                params.model, "whisper", told_language(params, None), setting
            )
    return {source: by_name[params.model] for source, params in sources.items()}


def provenance(corpus: Corpus) -> dict[str, Any]:
    """The model of each ASR setting: name and revision."""
    return {source: described(model) for source, model in encoders(corpus).items()}


def text_key(text: str, language: str | None) -> str:
    """What all rows made from a text depend on."""
    return key_of([language, text])


@dataclass(frozen=True)
class Transcribe:
    """Makes the payload of rows, on the device of the process it runs in."""

    root: Path
    sources: dict[str, WhisperParams]  # those that rows are to be made of
    models: dict[str, Encoder]
    languages: dict[str, list[str | None]]  # of the utterances that each source is to hear
    devices: Devices

    @property
    def gpus(self) -> int:
        """How many GPUs there are, each for one worker; 0 on a CPU, or where nothing is heard."""
        return self.devices.gpus if self.sources else 0

    def __call__(self, inputs: pa.Table) -> pa.Table:
        whispers = self._whispers()
        rows = inputs.to_pylist()
        fields: list[dict[str, Any]] = [{}] * len(rows)
        for source in dict.fromkeys(row["source"] for row in rows):
            here = [i for i, row in enumerate(rows) if row["source"] == source]
            made = self._of(source, [rows[i] for i in here], whispers.get(source))
            for i, found in zip(here, made, strict=True):
                fields[i] = found | {"text_key": text_key(found["text"], found["language"])}
        return pa.Table.from_pylist(fields, schema=PAYLOAD)

    def _whispers(self) -> dict[str, Whisper]:
        """All that the run needs, loaded once in a process: a broken one stops it before any row.

        Raises:
            ValueError: one cannot be loaded, or does not know a language that it is to hear.
        """
        from features.whisper.model import check_language

        device = self.devices.of_this_worker()
        found: dict[str, Whisper] = {}
        for source, params in self.sources.items():
            found[source] = _loaded(self.models[source], params.compute_type, device)
            for language in self.languages[source]:
                check_language(found[source], told_language(params, language))
        return found

    def _of(
        self, source: str, rows: list[dict[str, Any]], whisper: Whisper | None
    ) -> list[dict[str, Any]]:
        if whisper is not None:
            return self._heard(source, rows, whisper)
        told = ("transcript", "language", "words")
        return [dict(zip(("text", *told[1:]), (r[t] for t in told), strict=True)) for r in rows]

    def _heard(
        self, source: str, rows: list[dict[str, Any]], whisper: Whisper
    ) -> list[dict[str, Any]]:
        from features.asr import transcribe

        heard = transcribe(
            [audio.read(self.root, row, SAMPLE_RATE_HZ) for row in rows],
            whisper,
            self.sources[source],
            [row["language"] for row in rows],
            batch_size=self.devices.batch_size,
        )
        return [asdict(found) for found in heard]


@functools.cache
def _loaded(model: Encoder, compute_type: str, device: str) -> Whisper:
    """By its content: a model that was exchanged in its place is another."""
    from features.whisper.model import load

    return load(model.path, compute_type, device=device)


def _warn_of_short_windows(source: str, params: WhisperParams) -> None:
    if params.window_s < WINDOW_S:
        log.warning(
            "asr: source %r hears %g s at a time (window_s): faster, but Whisper was trained on "
            "%g s alone, so its text is another and often worse; compare the scores of both",
            source,
            params.window_s,
            WINDOW_S,
        )


def _languages(rows: pa.Table) -> dict[str, list[str | None]]:
    """Each ASR source that rows are of, with the languages of their utterances."""
    found: dict[str, list[str | None]] = {}
    for pair in (
        rows.select(["source", "language"])
        .group_by(["source", "language"])
        .aggregate([])
        .to_pylist()
    ):
        if pair["source"] != REFERENCE:
            found.setdefault(pair["source"], []).append(pair["language"])
    return found


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

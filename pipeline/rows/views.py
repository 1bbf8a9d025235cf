"""Views: an utterance x augmentation; the changed sound as FLAC, with its recipe."""

from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from features.augment import Recipe, draw_recipes
from pipeline.corpus import Corpus
from pipeline.keys import recipe_key, row_keys
from pipeline.rows import audio
from pipeline.shards import Compute

VERSION = 1
RECIPE = ("seed", "snr_db", "semitones", "rate")
PAYLOAD = pa.schema(
    [
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("snr_db", pa.float64()),
        pa.field("semitones", pa.float64()),
        pa.field("rate", pa.float64()),
        pa.field("sample_rate", pa.int32(), nullable=False),
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("flac", pa.binary(), nullable=False),
    ]
)


def wanted(corpus: Corpus) -> pa.Table:
    """A row for each kind of view that params switch on; its key holds the recipe drawn for it."""
    recipe = recipe_key("views", VERSION, asdict(corpus.params.audio))
    utterances = corpus.utterances("utt_id", "audio_key")
    parts = (_wanted(corpus, recipe, b) for b in utterances.to_batches(max_chunksize=1 << 16))
    return pa.concat_tables(parts)


def inputs(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """Where the sound of each row's utterance is, and which view of it is wanted."""
    return audio.locate(corpus, rows).append_column("view", rows["view"])


def compute(corpus: Corpus, inputs: pa.Table) -> Compute:
    """How the payload of some rows is made."""
    return _Augment(corpus)


@dataclass(frozen=True)
class _Augment:
    corpus: Corpus

    def __call__(self, inputs: pa.Table) -> pa.Table:
        rows = []
        for _, views in groupby(inputs.to_pylist(), key=lambda row: row["utt_id"]):
            rows += self._views(self.corpus.root, list(views))
        return pa.Table.from_pylist(rows, schema=PAYLOAD)

    def _views(self, root: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The payload of several views of one utterance, read once."""
        from features.audio import encode_flac
        from features.augment import apply_recipes

        rate = self.corpus.params.audio.sample_rate_hz
        drawn = {r.view: r for r in draw_recipes(rows[0]["utt_id"], self.corpus.params.augment)}
        recipes = [drawn[row["view"]] for row in rows]
        sounds = apply_recipes(audio.read(root, rows[0], rate), rate, recipes)
        return [
            {name: getattr(recipe, name) for name in RECIPE}
            | {
                "sample_rate": rate,
                "duration_s": len(sound) / rate,
                "flac": encode_flac(sound, rate),
            }
            for recipe, sound in zip(recipes, sounds, strict=True)
        ]


def _wanted(corpus: Corpus, recipe: str, utterances: pa.RecordBatch) -> pa.Table:
    ids: dict[str, list[str]] = {"utt_id": [], "view": []}
    parents = []
    for utt_id, audio_key in zip(*(c.to_pylist() for c in utterances.columns), strict=True):
        for drawn in draw_recipes(utt_id, corpus.params.augment):
            ids["utt_id"].append(utt_id)
            ids["view"].append(drawn.view)
            parents.append(f"{audio_key}:{_words(drawn)}")
    columns = {name: pa.array(values, pa.string()) for name, values in ids.items()}
    return pa.table(columns | {"key": row_keys(recipe, parents)})


def _words(recipe: Recipe) -> str:
    """A recipe as text; repr of a float is exact."""
    return ":".join([recipe.view, *(repr(getattr(recipe, name)) for name in RECIPE)])


def provenance(corpus: Corpus) -> dict[str, Any]:
    """None: no model takes part."""
    return {}

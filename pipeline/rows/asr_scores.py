"""How well speech was recognised: an utterance with a reference text x ASR setting."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.corpus import Corpus, look_up
from pipeline.keys import recipe_key, row_keys
from pipeline.params import REFERENCE
from pipeline.shards import Compute

VERSION = 1
PAYLOAD = pa.schema(
    [
        pa.field("wer", pa.float32()),  # this and the next two are null in languages without spaces
        pa.field("words", pa.int32()),  # of the reference, normalised
        pa.field("word_errors", pa.int32()),
        pa.field("cer", pa.float32(), nullable=False),
        pa.field("characters", pa.int32(), nullable=False),
        pa.field("character_errors", pa.int32(), nullable=False),
    ]
)


def wanted(corpus: Corpus) -> pa.Table:
    """A row for each heard text of an utterance whose own text is known."""
    pairs = _pairs(corpus, "text_key")
    recipe = recipe_key("asr_scores", VERSION, None)
    both = zip(pairs["reference"].to_pylist(), pairs["text_key"].to_pylist(), strict=True)
    keys = row_keys(recipe, (f"{told}:{heard}" for told, heard in both))
    return pairs.select(["utt_id", "source"]).append_column("key", keys)


def inputs(corpus: Corpus, rows: pa.Table) -> pa.Table:
    """Both texts of each row, and the language of the reference."""
    return look_up(_pairs(corpus, "text"), ["utt_id", "source"], rows)


def compute(corpus: Corpus, inputs: pa.Table) -> Compute:
    """How the payload of some rows is made."""
    return _score


def provenance(corpus: Corpus) -> dict[str, Any]:
    """None: no model takes part."""
    return {}


def _pairs(corpus: Corpus, column: str) -> pa.Table:
    """A column of each heard text, that of its reference as `reference`, and its language."""
    texts = corpus.rows("transcripts", "utt_id", "source", "language", column)
    told = pc.equal(texts["source"], REFERENCE)
    heard, reference = texts.filter(pc.invert(told)), texts.filter(told)
    own = look_up(reference, ["utt_id"], heard)
    pairs = heard.select(["utt_id", "source", column])
    pairs = pairs.append_column("reference", own[column]).append_column("language", own["language"])
    return pairs.filter(pc.is_valid(pairs["reference"]))


def _score(inputs: pa.Table) -> pa.Table:
    from features.text import character_errors, word_errors, writes_spaces

    rows = []
    for row in inputs.to_pylist():
        pair = row["reference"], row["text"]
        letters = character_errors(*pair)
        words = word_errors(*pair) if writes_spaces(row["language"]) else None
        rows.append(
            {
                "wer": words and words.rate,
                "words": words and words.units,
                "word_errors": words and words.count,
                "cer": letters.rate,
                "characters": letters.units,
                "character_errors": letters.count,
            }
        )
    return pa.Table.from_pylist(rows, schema=PAYLOAD)

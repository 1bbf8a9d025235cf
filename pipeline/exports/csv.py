"""CSV and npy: `metadata.csv`, `audio/`, and a folder of .npy files for each feature.

The table is one that the reader `table` reads, so an export is a corpus again: with the canonical
names of emotions, also of the raters', beside the corpus's own.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import labels
from pipeline.corpus import Corpus
from pipeline.exports.content import Request, place_audio, rows, save_arrays
from pipeline.labels import Names
from pipeline.listing.schema import SCHEMA

NAMES = {"raw_label": "corpus_label", "sentence": "sentence_id"}  # else `table` takes them for more
WITHOUT = ("path", "stated_duration_s")  # comes first; `duration_s` is what this corpus states


def write(corpus: Corpus, request: Request, out: Path) -> None:
    """Write the folder `out`."""
    held = rows(corpus)
    saved = save_arrays(corpus, request, out)
    audio = place_audio(corpus, held, out, copy=request.copy)
    source = corpus.params.corpora[corpus.name]
    known = labels.table(source.reader, source.labels)
    columns = [name for name in SCHEMA.names if name not in WITHOUT]
    with (out / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["path", *(NAMES.get(c, c) for c in columns), *saved])
        for row in held:
            features = [paths.get(row["utt_id"], "") for paths in saved.values()]
            cells = [_cell(name, row[name], known) for name in columns]
            table.writerow([audio[row["path"]], *cells, *features])


def _cell(name: str, value: Any, known: Names) -> Any:
    """A value as `table` reads it; nothing for unknown."""
    if name == "votes" and value:
        value = {str(v["rater"] or i): _emotions(v["labels"], known) for i, v in enumerate(value)}
    if name == "words" and value:
        value = [[w["word"], w["start_s"], w["end_s"]] for w in value]
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value


def _emotions(raws: Sequence[str], known: Names) -> list[str]:
    return [found for raw in raws if (found := labels.emotion(known, raw))]

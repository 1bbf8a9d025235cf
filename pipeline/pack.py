"""From the store to a tensor cache: what the trainer reads, and all that it needs.

    data/cache/<task>/   index.parquet, mel.safetensors, and per text source
                         words- and bert-<source>.safetensors, besides align- where words have
                         times and bert_tokens- where BERT's states are kept; meta.json last

The cache appears whole or not at all. Its bytes depend on the rows of the task and on what made
them: not on how the store is cut into shards or where models lie, nor on rows, sources or languages
the task does not use. Of corpora that it does not use meta.json has the parameters, nothing else.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.catalog import Catalog, shard_paths
from pipeline.files import appearing_folder, write_json
from pipeline.keys import CHUNK, KEY_BYTES, digest, key_of
from pipeline.packing.index import Fold, check_folds, describe_rows, read_folds, write_index
from pipeline.packing.made_with import made_with
from pipeline.packing.melrows import MelRows, plan_mel
from pipeline.packing.origins import describe_origins, sections_of
from pipeline.packing.params import TaskParams as TaskParams
from pipeline.packing.rows import PackError, choose_utterances
from pipeline.packing.scales import scales_of
from pipeline.packing.sources import PackedText, unknown_words, write_text
from pipeline.packing.tensors import write_mel
from pipeline.splitting.leakage import COLUMNS, TIMES, LeakageError, check_leakage
from pipeline.splitting.params import CHOSEN_ON_TEST, SplitParams, group_of
from training.meta import FORMAT

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitFile:
    """A split as the stage `split` left it."""

    path: Path
    params: SplitParams  # those it is made with, as DVC sees to


@dataclass(frozen=True)
class PackSummary:
    """What became of the rows; the stage's closing line."""

    rows: int
    utterances: int
    classes: dict[str, dict[str, int]]  # class -> its emotions -> utterances
    dropped: dict[str, int]  # labels outside the task -> utterances
    truncated: int  # rows cut to max_frames
    unknown_words: dict[str, float]  # source -> share of words without a vector
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        classes = ", ".join(_counted(name, parts) for name, parts in self.classes.items())
        dropped = ", ".join(f"{label} {count}" for label, count in self.dropped.items())
        unknown = "".join(
            f"; {v:.0%} of words unknown ({s})" for s, v in self.unknown_words.items()
        )
        return (
            f"pack: {self.utterances} utterances, {self.rows} rows, {self.truncated} cut to "
            f"max_frames; {classes}; dropped as of no class: {dropped or 'none'}{unknown}"
        )


def pack(
    name: str, params: TaskParams, catalog: Catalog, splits: Mapping[str, SplitFile], out: Path
) -> PackSummary:
    """Write the tensor cache of a task to the folder `out`, in the place of an older one.

    Raises:
        PackError: the store lacks rows, or a split leaks or leaves a class untrained.
    """
    task = params.task
    manifests = shard_paths(catalog, "manifest")
    _refuse_leaks(splits, manifests)
    utterances = choose_utterances(manifests, task)
    scales = scales_of(name, params, catalog, utterances)
    rows = plan_mel(shard_paths(catalog, "mel"), utterances, params.max_frames)
    folds = [f for s in sorted(splits) for f in read_folds(s, splits[s].path, utterances)]
    chosen_on_test = {name for name, s in splits.items() if s.params.protocol in CHOSEN_ON_TEST}
    warnings = tuple(check_folds(folds, utterances, task, chosen_on_test))
    for warning in warnings:
        log.warning(warning)
    with appearing_folder(out) as folder:
        mel = folder / "mel.safetensors"
        n_mels = write_mel(mel, shard_paths(catalog, "mel"), utterances, rows)
        texts = {s: write_text(folder, catalog, utterances, s) for s in params.sources}
        described = describe_rows(
            shard_paths(catalog, "views"), utterances, rows, task, params.dimensions
        )
        write_index(folder / "index.parquet", utterances, rows, folds, described)
        languages = {source: text.languages for source, text in texts.items()}
        facts = {
            **_facts(name, params, n_mels, texts),
            "dimensions": list(params.dimensions),
            "scales": {corpus: list(ends) for corpus, ends in scales.items()},
            "splits": _splits(splits, folds),
            "rows": len(rows.codes),
            "utterances": len(utterances),
            "features": describe_origins(catalog, utterances, languages),
            "params": made_with(
                name,
                params,
                {split: file.params for split, file in splits.items()},
                sections_of(catalog, utterances, texts=bool(texts)),
                {language for found in languages.values() for language in found},
            ),
            "catalog": _digest_of_keys(rows, texts),
            "files": {p.name: _hash(p) for p in sorted(folder.iterdir())},
        }
        write_json(folder / "meta.json", {**facts, "key": key_of(facts)})
    return PackSummary(
        len(rows.codes),
        len(utterances),
        utterances.kept,
        utterances.dropped,
        rows.truncated,
        unknown_words(texts),
        warnings,
    )


def _counted(name: str, parts: Mapping[str, int]) -> str:
    """A class with its size and, where it is made of several emotions, theirs.

    >>> _counted("happy", {"happy": 71, "excited": 20}), _counted("sad", {"sad": 62})
    ('happy 91 (happy 71 + excited 20)', 'sad 62')
    """
    merged = " + ".join(f"{emotion} {count}" for emotion, count in parts.items())
    return f"{name} {sum(parts.values())}" + (f" ({merged})" if len(parts) > 1 else "")


def _refuse_leaks(splits: Mapping[str, SplitFile], manifests: list[Path]) -> None:
    """Check again what the stage `split` checked: the last chance before training.

    Raises:
        PackError: a split has an utterance, its audio, or its speaker or session on two sides.
    """
    columns = [*COLUMNS, *TIMES, "speaker", "session"]
    facts = [pq.read_table(path, columns=columns, partitioning=None) for path in manifests]
    for name, split in splits.items():
        made = pq.read_table(split.path, partitioning=None)
        try:
            check_leakage(made, facts, group_of(split.params.protocol))
        except LeakageError as error:
            raise PackError(f"split {name!r}: {error}; run `dvc repro split`") from error


def _facts(
    name: str, params: TaskParams, n_mels: int, texts: Mapping[str, PackedText]
) -> dict[str, Any]:
    """What meta.json says of the task and of the sizes."""
    return {
        "format": FORMAT,
        "task": name,
        "classes": list(params.task.classes),
        "sources": list(params.sources),
        "n_mels": n_mels,
        "word_dim": _only("word vector", {s: t.word_dim for s, t in texts.items()}),
        "bert_dim": _only("BERT vector", {s: t.bert_dim for s, t in texts.items()}),
        "mel_max_frames": params.max_frames,
    }


def _splits(splits: Mapping[str, SplitFile], folds: list[Fold]) -> dict[str, Any]:
    return {
        name: {
            "folds": sum(fold.split == name for fold in folds),
            "protocol": split.params.protocol,
            "chosen_on": "test" if split.params.protocol in CHOSEN_ON_TEST else "val",
        }
        for name, split in sorted(splits.items())
    }


def _only(what: str, widths: Mapping[str, int]) -> int:
    """The one width of all sources; 0 where there is no source."""
    if len(set(widths.values())) > 1:
        raise PackError(f"the {what} of the text sources differ in width: {dict(widths)}")
    return next(iter(widths.values()), 0)


def _digest_of_keys(rows: MelRows, texts: Mapping[str, PackedText]) -> str:
    """What the cache was made from: the keys of the packed rows, and of no others."""
    of_texts = (_concatenated(*texts[source].keys) for source in sorted(texts))
    return digest(_concatenated(rows.keys), *of_texts)


def _concatenated(*columns: pa.ChunkedArray) -> bytes:
    """Strings without separators, made Python objects CHUNK at a time."""
    return b"".join(
        "".join(column.slice(start, CHUNK).to_pylist()).encode()
        for column in columns
        for start in range(0, len(column), CHUNK)
    )


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=KEY_BYTES)).hexdigest()

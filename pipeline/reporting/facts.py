"""What the report says, asked of the store and of the runs' files; no page layout here."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline import layout
from pipeline.catalog import Catalog
from pipeline.splitting.params import CHOSEN_ON_TEST

METRICS = ("ua", "wa", "f1_weighted", "f1_macro")


@dataclass(frozen=True)
class CorpusFacts:
    """A corpus: what was accepted and what was not."""

    name: str
    utterances: int
    hours: float
    speakers: int
    languages: str
    classes: dict[str, int]  # canonical label -> utterances
    rejects: dict[str, int]  # reason -> files


@dataclass(frozen=True)
class SplitFacts:
    """What the training and the test part of a split share, over all its folds."""

    name: str
    protocol: str
    folds: int
    tested: int  # utterances
    on_both_sides: int  # test utterances heard in training: as such, as a copy, or overlapping
    cut_from_shared: int  # other test utterances of files that other parts of train from
    shared_files: int  # those files
    speakers: int  # in test parts
    shared_speakers: int  # of them also in the training part of the same fold
    texts: int  # test utterances with a transcript
    shared_texts: int  # of them with a text that is also in the training part

    @property
    def chosen_on_test(self) -> bool:
        """Whether the best epoch is chosen by the test part."""
        return self.protocol in CHOSEN_ON_TEST


@dataclass(frozen=True)
class Encoder:
    """A model that made features."""

    feature: str
    use: str  # language or text source
    provenance: str


def split_title(metrics: Mapping[str, Any]) -> str:
    """The split of a run, with the protocol where the name does not tell."""
    name, protocol = metrics["split"], metrics["protocol"]
    return name if name == protocol else f"{name} ({protocol})"


def read_metrics(run: str) -> dict[str, Any]:
    """The metrics of a run.

    Raises:
        FileNotFoundError: it has not been evaluated.
    """
    path = layout.run_report(run) / "metrics.json"
    if not path.exists():
        raise FileNotFoundError(f"{path}: missing; run `dvc repro evaluate@{run}`")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def corpora(connection: Any, names: Iterable[str]) -> list[CorpusFacts]:
    """What the manifests hold."""
    labels = connection.execute(
        "SELECT corpus, coalesce(label, 'unlabelled'), count(*) FROM utterances "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    totals = connection.execute(
        "SELECT corpus, count(*), sum(duration_s) / 3600, count(DISTINCT speaker), "
        "coalesce(string_agg(DISTINCT language, ', ' ORDER BY language), '') "
        "FROM utterances GROUP BY corpus"
    ).fetchall()
    known = {corpus: rest for corpus, *rest in totals}
    return [_corpus(name, known.get(name, (0, 0.0, 0, "")), labels) for name in sorted(names)]


def _corpus(
    name: str, totals: Sequence[Any], labels: Iterable[tuple[str, str, int]]
) -> CorpusFacts:
    utterances, hours, speakers, languages = totals
    return CorpusFacts(
        name=name,
        utterances=utterances,
        hours=hours,
        speakers=speakers,
        languages=languages,
        classes={label: count for corpus, label, count in labels if corpus == name},
        rejects=_rejects(layout.rejects(name)),
    )


def _rejects(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    reasons = pq.read_table(path, columns=["reason"], partitioning=None)["reason"].to_pylist()
    return dict(sorted(Counter(reasons).items()))


def split_facts(connection: Any, name: str, protocol: str) -> SplitFacts:
    """What is on both sides of a split, counted in the split itself and not taken on trust."""
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE placed AS SELECT s.fold, s.subset = 'test' AS tested, "
        "s.utt_id, u.audio_key, u.corpus || '/' || u.path AS file, "
        "round(coalesce(u.start_s, 0), 3) AS start_s, "
        "round(coalesce(u.end_s, 'infinity'::DOUBLE), 3) AS end_s, "
        "u.corpus || '/' || u.speaker AS speaker, lower(trim(u.transcript)) AS text "
        "FROM splits s JOIN utterances u USING (utt_id) WHERE s.split = ?",
        [name],
    )
    folds, tested, speakers, texts = connection.execute(
        "SELECT count(DISTINCT fold), count(*) FILTER (tested), "
        "count(DISTINCT (fold, speaker)) FILTER (tested AND speaker IS NOT NULL), "
        "count(*) FILTER (tested AND text <> '') FROM placed"
    ).fetchone()
    overlap = "o.file = t.file AND o.start_s < t.end_s AND t.start_s < o.end_s"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE doubled AS "
        + " UNION ".join(_heard(same) for same in (_same("utt_id"), _same("audio_key"), overlap))
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE cut AS "
        f"{_heard(_same('file'))} EXCEPT SELECT utt_id, fold, file FROM doubled"
    )
    (doubled,) = connection.execute("SELECT count(*) FROM doubled").fetchone()
    cut, files = connection.execute("SELECT count(*), count(DISTINCT file) FROM cut").fetchone()
    shared_texts, shared_speakers = connection.execute(
        f"SELECT (SELECT count(*) FROM ({_heard(_same('text'))})), "
        f"count(DISTINCT (fold, speaker)) FROM ({_heard(_same('speaker'), 'speaker')})"
    ).fetchone()
    return SplitFacts(
        name=name,
        protocol=protocol,
        folds=folds,
        tested=tested,
        on_both_sides=doubled,
        cut_from_shared=cut,
        shared_files=files,
        speakers=speakers,
        shared_speakers=shared_speakers,
        texts=texts,
        shared_texts=shared_texts,
    )


def _heard(same: str, what: str = "file") -> str:
    """SQL for the test rows t for which a training or validation row o of the fold is the same."""
    return (
        f"SELECT utt_id, fold, {what} FROM placed t WHERE tested AND EXISTS "
        f"(FROM placed o WHERE NOT o.tested AND o.fold = t.fold AND {same})"
    )


def _same(what: str) -> str:
    return f"t.{what} <> '' AND o.{what} = t.{what}"


def encoders(catalog: Catalog) -> list[Encoder]:
    """The models behind the store, each once."""
    found = {
        Encoder(feature, use, _told(provenance))
        for features in catalog.values()
        for feature, entry in features.items()
        for use, provenance in entry.encoders.items()
    }
    return sorted(found, key=lambda e: (e.feature, e.use, e.provenance))


def _told(provenance: Any) -> str:
    if isinstance(provenance, dict):
        return ", ".join(f"{key} {_told(value)}" for key, value in provenance.items())
    if isinstance(provenance, list | tuple):
        return ", ".join(map(_told, provenance))
    if isinstance(provenance, bool):
        return "yes" if provenance else "no"
    return str(provenance)

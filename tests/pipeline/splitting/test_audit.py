"""The audit tells what crosses from training to test, of every kind, and nothing else."""

from typing import Any

import pyarrow as pa
import pytest

from pipeline.listing.schema import SCHEMA
from pipeline.splits import SCHEMA as SPLIT_SCHEMA
from pipeline.splitting.audit import KINDS, audit, columns, totals

BASE = {"corpus": "c", "duration_s": 1.0, "sample_rate": 16000, "channels": 1, "peak_db": 0.0}


def manifest(*rows: dict[str, Any]) -> pa.Table:
    full = [
        BASE
        | {"utt_id": f"c/{i}", "path": f"{i}.wav", "audio_key": f"{i:032x}", "loudness_db": 0.0}
        | row
        for i, row in enumerate(rows)
    ]
    return pa.Table.from_pylist(full, SCHEMA)


def split(*subsets: str, fold: int = 0) -> pa.Table:
    rows = [{"utt_id": f"c/{i}", "fold": fold, "subset": s} for i, s in enumerate(subsets)]
    return pa.Table.from_pylist([r for r in rows if r["subset"]], SPLIT_SCHEMA)


@pytest.mark.parametrize(
    ("kind", "one", "other", "name"),
    [
        ("recording", {"audio_key": "x" * 32}, {"audio_key": "x" * 32}, "c/1"),
        ("speaker", {"speaker": "anna"}, {"speaker": "anna"}, "c/anna"),
        ("session", {"session": "1"}, {"session": "1"}, "c/1"),
        ("dialogue", {"dialogue": "d"}, {"dialogue": "d"}, "c/d"),
        ("sentence", {"transcript": "Oh, no!"}, {"transcript": "oh no"}, "oh no"),
        ("sentence", {"sentence": "a01"}, {"sentence": "a01"}, "c/a01"),
        (
            "overlap",
            {"path": "f.wav", "start_s": 0.0, "end_s": 2.0},
            {"path": "f.wav", "start_s": 1.5, "end_s": 3.0},
            "c/1",
        ),
    ],
)
@pytest.mark.parametrize("side", ["train", "val"])
def test_what_both_sides_have_is_named(
    kind: str, one: dict[str, Any], other: dict[str, Any], name: str, side: str
) -> None:
    found = audit(split(side, "test", "test"), [manifest(one, other, {})])
    [crossing] = [c for c in found if c.crossing]
    assert (crossing.kind, crossing.crossing, crossing.utterances) == (kind, (name,), 1)
    assert crossing.of == 2


def test_nothing_crosses_where_only_one_side_has_it_or_nothing_is_known() -> None:
    facts = manifest({"speaker": "a"}, {"speaker": "b"}, {"speaker": "b"}, {})
    found = audit(split("train", "test", "test", "train"), [facts])
    assert not any(c.crossing for c in found)
    assert {c.kind for c in found} == {"utterance", "recording", "speaker"}
    assert [c.tested for c in found if c.kind == "speaker"] == [1]


def test_speaker_one_of_two_corpora_are_two_people() -> None:
    facts = manifest({"speaker": "1"}, {"speaker": "1", "corpus": "d"})
    assert not any(c.crossing for c in audit(split("train", "test"), [facts]))


def test_folds_are_audited_one_by_one_and_added_up() -> None:
    facts = manifest({"speaker": "a"}, {"speaker": "a"}, {"speaker": "b"})
    both = pa.concat_tables(
        [split("train", "test", "test"), split("test", "test", "train", fold=1)]
    )
    speakers = [c for c in audit(both, [facts]) if c.kind == "speaker"]
    assert [(c.fold, c.crossing) for c in speakers] == [(0, ("c/a",)), (1, ())]
    [total] = totals(speakers)
    assert (total.folds, total.of_folds, total.tested, total.crossing) == (1, 2, 3, 1)


def test_each_kind_needs_columns_a_manifest_has() -> None:
    assert set(columns(KINDS)) <= set(SCHEMA.names)

"""The laws of the incremental runner, on a small feature of its own and a real file system."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import backends, shards
from pipeline.files import BusyError, sole_writer
from pipeline.keys import recipe_key, row_keys
from pipeline.shard_files import SHARD_NAME, Feature, ShardError, read_rows, rearranged

PAYLOAD = pa.schema(
    [
        pa.field("length", pa.int32(), nullable=False),
        pa.field(
            "values", pa.list_(pa.field("element", pa.float16(), nullable=False)), nullable=False
        ),
    ]
)
FEATURE = Feature("test", "view", PAYLOAD, target_rows=8)

# what a corpus may hold: utterance -> the content of its audio
contents = st.dictionaries(st.integers(0, 60), st.integers(0, 12), max_size=50)
corpora = st.lists(st.tuples(contents, st.integers(0, 2)), min_size=1, max_size=4)


def wanted(utterances: dict[int, int], param: int = 0, views: int = 2) -> pa.Table:
    ids = [
        (f"c/{u:03d}", f"v{v}", f"{content}-{v}")
        for u, content in utterances.items()
        for v in range(views)
    ]
    recipe = recipe_key("test", 1, {"param": param})
    return pa.table(
        {
            "utt_id": pa.array([i[0] for i in ids], pa.string()),
            "view": pa.array([i[1] for i in ids], pa.string()),
            "key": row_keys(recipe, [i[2] for i in ids]),
        }
    )


def compute(inputs: pa.Table) -> pa.Table:
    """A payload that is a function of the key alone, as a real feature's is."""
    lengths = [int(key[:2], 16) % 5 for key in inputs["key"].to_pylist()]
    values = [
        np.full(n, int(key[2:4], 16), np.float16)
        for n, key in zip(lengths, inputs["key"].to_pylist(), strict=True)
    ]
    return pa.table(
        [pa.array(lengths, pa.int32()), pa.array(values, PAYLOAD.field("values").type)],
        schema=PAYLOAD,
    )


def build(
    folder: Path, rows: pa.Table, feature: Feature = FEATURE, batch_rows: int = 3
) -> shards.Plan:
    plan = shards.plan(folder, feature, rows)
    shards.run(plan, plan.rows.take(plan.missing), compute, backends.serial, batch_rows)
    return plan


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()} if folder.exists() else {}


@settings(max_examples=60, deadline=None)
@given(corpora)
def test_incremental_runs_leave_the_same_bytes_as_a_clean_one(
    history: list[tuple[dict[int, int], int]],
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        store, clean = Path(temporary, "store"), Path(temporary, "clean")
        for utterances, param in history:
            build(store, wanted(utterances, param))
        build(clean, wanted(*history[-1]), batch_rows=5)
        assert content(store) == content(clean)


@settings(max_examples=60, deadline=None)
@given(contents, contents)
def test_a_row_is_computed_if_and_only_if_the_store_has_none_of_its_key(
    before: dict[int, int], after: dict[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        store = Path(temporary, "store")
        build(store, wanted(before))
        plan = shards.plan(store, FEATURE, wanted(after))
        old, new = set(wanted(before)["key"].to_pylist()), set(wanted(after)["key"].to_pylist())
        computed = plan.rows["key"].take(pa.array(plan.missing)).to_pylist()
        assert sorted(computed) == sorted(new - old)


@given(contents)
@settings(max_examples=30, deadline=None)
def test_every_wanted_row_is_there_with_the_payload_of_its_key(utterances: dict[int, int]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        store = Path(temporary, "store")
        plan = build(store, wanted(utterances))
        tables = [pq.read_table(store / s.name, partitioning=None) for s in plan.shards]
        assert all(t.schema.equals(FEATURE.schema) for t in tables)
        rows = pa.concat_tables(tables) if tables else FEATURE.schema.empty_table()
        ids = [("utt_id", "ascending"), ("view", "ascending")]
        assert (
            rows.select(["utt_id", "view", "key"])
            .sort_by(ids)
            .equals(
                wanted(utterances)
                .sort_by(ids)
                .combine_chunks()
                .cast(pa.schema(list(FEATURE.schema)[:3]))
            )
        )
        assert rows.select(PAYLOAD.names).equals(compute(rows)) if len(rows) else True


def test_a_renamed_recording_is_not_computed_again(tmp_path: Path) -> None:
    build(tmp_path, wanted({1: 5, 2: 6}))
    assert len(shards.plan(tmp_path, FEATURE, wanted({1: 5, 3: 6})).missing) == 0


def test_identical_content_is_computed_once(tmp_path: Path) -> None:
    plan = build(tmp_path, wanted(dict.fromkeys(range(40), 7)))
    assert len(plan.shards) > 1
    assert len(plan.missing) == 2  # one per view


def test_one_new_utterance_rewrites_the_shards_of_its_bucket_alone(tmp_path: Path) -> None:
    build(tmp_path, wanted({u: u for u in range(50)}))
    before = content(tmp_path)
    plan = shards.plan(tmp_path, FEATURE, wanted({u: u for u in range(51)}))
    assert len(plan.missing) == 2
    assert len(plan.to_write) == 1
    shards.run(plan, plan.rows.take(plan.missing), compute, backends.serial, 3)
    assert len(before.keys() - content(tmp_path).keys()) == 1


def test_nothing_to_do_touches_no_file(tmp_path: Path) -> None:
    build(tmp_path, wanted({u: u for u in range(50)}))
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    plan = build(tmp_path, wanted({u: u for u in range(50)}))
    assert (len(plan.missing), plan.to_write, plan.to_remove, plan.dropped) == (0, (), (), 0)
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == before


def test_a_shard_that_cannot_be_written_leaves_the_old_ones(tmp_path: Path) -> None:
    build(tmp_path, wanted({u: u for u in range(20)}))
    before = content(tmp_path)
    plan = shards.plan(tmp_path, FEATURE, wanted({u: u for u in range(20)}, param=1))

    def fails(inputs: pa.Table) -> pa.Table:
        raise ValueError("no sound")

    with pytest.raises(ValueError, match="no sound"):
        shards.run(plan, plan.rows.take(plan.missing), fails, backends.serial, 3)
    assert content(tmp_path) == before


def test_no_bucket_holds_more_than_the_target(tmp_path: Path) -> None:
    plan = build(tmp_path, wanted({u: u for u in range(60)}))
    assert max(s.stop - s.start for s in plan.shards) <= FEATURE.target_rows
    assert all(SHARD_NAME.fullmatch(s.name) for s in plan.shards)


def test_an_utterance_with_more_rows_than_the_target_stays_whole(tmp_path: Path) -> None:
    plan = build(tmp_path, wanted({1: 1, 2: 2}, views=20))
    assert sorted(s.stop - s.start for s in plan.shards) == [20, 20]


def test_ids_wanted_twice_are_refused(tmp_path: Path) -> None:
    rows = wanted({1: 1})
    with pytest.raises(ShardError, match=r"c/001 \(v0\) is wanted twice"):
        shards.plan(tmp_path, FEATURE, pa.concat_tables([rows, rows]))


def test_a_strange_file_in_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ShardError, match=r"notes\.txt: not a shard"):
        shards.plan(tmp_path, FEATURE, wanted({1: 1}))


def test_a_damaged_shard_is_named_with_the_remedy(tmp_path: Path) -> None:
    plan = build(tmp_path, wanted({1: 1}))
    path = tmp_path / plan.shards[0].name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ShardError, match="delete it and run again"):
        shards.plan(tmp_path, FEATURE, wanted({1: 1}))


def test_rows_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    feature = Feature("test", "view", PAYLOAD, target_rows=1000)
    plan = build(tmp_path, wanted({u: u for u in range(200)}), feature)
    (shard,) = plan.shards
    asked = np.array([399, 0, 65, 64, 63, 399])
    found = read_rows(tmp_path / shard.name, asked, ["key"])["key"]
    assert found.to_pylist() == pc.take(plan.rows["key"], pa.array(asked)).to_pylist()


@given(
    stretches=st.lists(st.tuples(st.integers(0, 79), st.integers(0, 40)), max_size=6),
    single=st.lists(st.integers(0, 79), max_size=12),
)
def test_stretches_of_rows_come_as_take_brings_them(
    stretches: list[tuple[int, int]], single: list[int]
) -> None:
    table = pa.table({"n": range(80), "vector": [[i] * (i % 3) for i in range(80)]})
    parts = pa.concat_tables([table.slice(0, 30), table.slice(30)])  # in two chunks
    asked = [*(i for start, n in stretches for i in range(start, min(start + n, 80))), *single]
    rows = np.array(asked, np.int64)
    assert rearranged(parts, rows).equals(table.take(rows))


def test_a_second_writer_is_turned_away_and_leftovers_are_cleared(tmp_path: Path) -> None:
    folder = tmp_path / "mel" / "demo"
    folder.mkdir(parents=True)
    (folder / ".tmp-1-00000.parquet").write_bytes(b"half")
    with sole_writer(folder):
        assert list(folder.iterdir()) == []
        with (
            pytest.raises(BusyError, match="another process is writing here"),
            sole_writer(folder),
        ):
            pass
    with sole_writer(folder):
        pass

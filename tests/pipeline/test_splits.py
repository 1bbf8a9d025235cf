"""Splits: nobody is tested on what was trained on, parts are fair, and names decide."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import splits
from pipeline.splits import SCHEMA, SplitError, SplitParams, assign
from pipeline.splitting import protocols
from pipeline.splitting.draws import places, shuffle, spans, stretches
from pipeline.splitting.leakage import LeakageError, check_leakage
from pipeline.splitting.params import group_of

RANDOM = SplitParams("random", None, 0.1, 0.1, 0)
SPEAKER = SplitParams("speaker", None, 0.1, None, 0)
OFFICIAL = SplitParams("official")
COLUMNS = [
    *("utt_id", "corpus", "label", "audio_key", "path", "start_s", "end_s"),
    *("speaker", "session", "split"),
]
LABELS = ("angry", "happy", "neutral", "sad")


def corpus(
    n: int,
    labels: tuple[str | None, ...] = LABELS,
    speakers: int = 5,
    same_audio: int = 1,
    name: str = "c",
) -> pa.Table:
    """A manifest's columns for n utterances; each audio belongs to `same_audio` of them."""
    ids = np.arange(n)
    return pa.table(
        {
            "utt_id": [f"{name}/{i:07d}" for i in ids],
            "corpus": [name] * n,
            "label": [labels[i] for i in ids % len(labels)],
            "audio_key": [f"{name}{i:031x}" for i in ids // same_audio],
            "path": [f"{i}.wav" for i in ids],
            "start_s": [None] * n,
            "end_s": [None] * n,
            "speaker": [f"s{i}" for i in ids // same_audio % speakers],
            "session": [f"t{i}" for i in ids // same_audio % speakers],
            "split": ["test" if i % 5 == 0 else "Train" for i in ids],
        },
        schema=pa.schema(
            [pa.field(c, pa.float64() if c.endswith("_s") else pa.string()) for c in COLUMNS]
        ),
    )


def segments(*spans: tuple[float | None, float | None], files: int = 1) -> pa.Table:
    """A manifest's columns for segments of one file, or of several that are cut alike."""
    table = corpus(len(spans) * files)
    starts, ends = zip(*(spans * files), strict=True)
    table = replace(table, "path", [f"{i // len(spans)}.wav" for i in range(len(table))])
    table = replace(table, "start_s", list(starts))
    return replace(table, "end_s", list(ends))


def replace(table: pa.Table, column: str, values: list[Any]) -> pa.Table:
    index = table.column_names.index(column)
    return table.set_column(index, column, pa.array(values, table.schema.field(column).type))


def subsets(split: pa.Table, fold: int = 0) -> dict[str, str]:
    rows = split.filter(pc.equal(split["fold"], fold))
    return dict(zip(rows["utt_id"].to_pylist(), rows["subset"].to_pylist(), strict=True))


def count(split: pa.Table, subset: str, fold: int = 0) -> int:
    return list(subsets(split, fold).values()).count(subset)


# Stratified order


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), st.integers(0, 3))
def test_every_prefix_of_the_order_is_sainte_lagues_apportionment(
    kinds: list[str], seed: int
) -> None:
    """No stratum could give a seat to another without making the shares worse."""
    table = replace(corpus(len(kinds)), "label", list(kinds))
    place = places(shuffle(table, seed), np.ones(len(kinds), bool))
    assert sorted(place) == list(range(len(kinds)))
    label = np.array(kinds)
    sizes = {k: (label == k).sum() for k in set(kinds)}
    for m in range(1, len(kinds)):
        seats = {k: ((label == k) & (place < m)).sum() for k in sizes}
        next_due = min((seats[k] + 0.5) / sizes[k] for k in sizes)
        last_due = max((seats[k] - 0.5) / sizes[k] for k in sizes)
        assert last_due <= next_due + 1e-12


# Random


@pytest.mark.parametrize(("n", "part"), [(7477, 748), (7747, 775), (339, 34)])
def test_eight_one_one_has_the_sizes_of_the_specification(n: int, part: int) -> None:
    split = assign([corpus(n)], RANDOM)
    assert [count(split, s) for s in ("val", "test")] == [part, part]
    assert count(split, "train") == n - 2 * part


@settings(max_examples=30, deadline=None)
@given(
    st.integers(40, 300),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 99),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
)
def test_random_gives_each_utterance_one_subset_and_keeps_audio_together(
    n: int, kinds: int, same_audio: int, seed: int, val: float, test: float
) -> None:
    table = corpus(n, LABELS[:kinds], same_audio=same_audio)
    split = assign([table], SplitParams("random", None, val, test, seed))
    check_leakage(split, [table], None)
    assert split["utt_id"].to_pylist() == sorted(table["utt_id"].to_pylist())
    assert split.schema == SCHEMA
    if same_audio == 1:
        assert count(split, "test") == floor(test * n + 0.5)
        assert count(split, "val") == floor(val * n + 0.5)


def test_labels_keep_their_share() -> None:
    table = corpus(1000, ("angry", "happy", "happy", "sad", "happy"))
    found = subsets(assign([table], RANDOM))
    label = dict(zip(table["utt_id"].to_pylist(), table["label"].to_pylist(), strict=True))
    for subset in ("val", "test"):
        members = [label[i] for i, s in found.items() if s == subset]
        assert [members.count(k) for k in ("angry", "happy", "sad")] == [20, 60, 20]


def test_a_new_utterance_moves_few_others() -> None:
    before = subsets(assign([corpus(1000)], RANDOM))
    after = subsets(assign([corpus(1001)], RANDOM))
    assert sum(after[i] != s for i, s in before.items()) <= 2 * len(LABELS)


def test_order_and_number_of_manifests_do_not_matter_but_the_seed_does() -> None:
    a, b = corpus(60), corpus(60, name="d")
    one = assign([a, b], RANDOM)
    assert one.equals(assign([pa.concat_tables([b, a]).take(pa.array(range(120))[::-1])], RANDOM))
    assert not one.equals(assign([a, b], SplitParams("random", None, 0.1, 0.1, 1)))


def test_ten_random_folds_test_every_utterance_once() -> None:
    split = assign([corpus(103)], SplitParams("random", 10, 0.1, 0.1, 0))
    tested = split.filter(pc.equal(split["subset"], "test"))["utt_id"].to_pylist()
    assert sorted(tested) == corpus(103)["utt_id"].to_pylist()


def test_utterances_without_a_label_are_in_no_split() -> None:
    table = corpus(50, ("angry", None))
    assert len(assign([table], RANDOM)) == 25
    with pytest.raises(
        SplitError, match=r"no utterance with a label.*empty `splits`, `tasks` and `runs`"
    ):
        assign([corpus(50, (None,))], RANDOM)


# Speakers and sessions


@pytest.mark.parametrize("column", ["speaker", "session"])
def test_each_group_is_tested_once_and_never_trained_on(column: str) -> None:
    table = corpus(100)
    params = SplitParams(column, None, 0.1, None, 0)
    split = assign([table], params)
    check_leakage(split, [table], group_of(params.protocol))
    name = dict(zip(table["utt_id"].to_pylist(), table[column].to_pylist(), strict=True))
    assert set(split["fold"].to_pylist()) == set(range(5))
    for fold in range(5):
        found = subsets(split, fold)
        tested = {name[i] for i, s in found.items() if s == "test"}
        assert tested == {f"{'st'[column == 'session']}{fold}"}
        assert not tested & {name[i] for i, s in found.items() if s != "test"}
        assert count(split, "val", fold) == 8


def test_the_papers_protocol_leaves_the_same_sessions_out_and_draws_no_validation_part() -> None:
    table = corpus(100)
    clean = assign([table], SplitParams("session", None, 0.1, None, 0))
    paper = assign([table], SplitParams("session_paper"))
    check_leakage(paper, [table], group_of("session_paper"))
    assert set(paper["subset"].to_pylist()) == {"train", "test"}
    for fold in range(5):
        tested = [{i for i, s in subsets(x, fold).items() if s == "test"} for x in (clean, paper)]
        assert tested[0] == tested[1]


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(5, 12), st.integers(0, 9), st.integers(1, 3))
def test_k_groups_test_every_utterance_once(k: int, speakers: int, seed: int, same: int) -> None:
    table = corpus(120, speakers=speakers, same_audio=same)
    split = assign([table], SplitParams("speaker", k, 0.1, None, seed))
    check_leakage(split, [table], "speaker")
    tested = split.filter(pc.equal(split["subset"], "test"))
    assert sorted(tested["utt_id"].to_pylist()) == table["utt_id"].to_pylist()
    sizes = [count(split, "test", fold) for fold in range(k)]
    largest = max(pc.value_counts(table["speaker"]).field("counts").to_pylist())
    assert max(sizes) - min(sizes) <= largest


def test_speakers_of_two_corpora_are_different_people() -> None:
    split = assign([corpus(50), corpus(50, name="d")], SPEAKER)
    assert len(set(split["fold"].to_pylist())) == 10


def test_missing_speakers_are_counted_and_named() -> None:
    table = corpus(30)
    table = replace(table, "speaker", [None, *table["speaker"].to_pylist()[1:]])
    message = r"protocol 'speaker': 1 of 30 utterances have no speaker, first: c/0000000\."
    with pytest.raises(SplitError, match=message):
        assign([table], SPEAKER)


def test_too_few_speakers_for_the_folds() -> None:
    with pytest.raises(SplitError, match="found 5 speakers, expected at least 6"):
        assign([corpus(50)], SplitParams("speaker", 6, 0.1, None, 0))
    with pytest.raises(SplitError, match="found 1 speakers, expected at least 2"):
        assign([corpus(50, speakers=1)], SPEAKER)


def test_leaving_one_out_of_too_many_asks_for_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "MAX_ROWS", 499)
    with pytest.raises(SplitError, match="set `folds` to a small number"):
        assign([corpus(100)], SPEAKER)


# Official


def test_official_parts_are_kept_and_validation_is_drawn_where_there_is_none() -> None:
    table = corpus(100)
    with pytest.raises(SplitError, match="`val_fraction` and `seed` are needed"):
        assign([table], OFFICIAL)
    split = assign([table], SplitParams("official", None, 0.25, None, 0))
    assert [count(split, s) for s in ("train", "val", "test")] == [60, 20, 20]
    found = subsets(split)
    own = dict(zip(table["utt_id"].to_pylist(), table["split"].to_pylist(), strict=True))
    assert all((found[i] == "test") == (own[i] == "test") for i in own)


def test_official_validation_needs_no_seed() -> None:
    table = replace(corpus(100), "split", ["train", "DEV", "test", "train"] * 25)
    split = assign([table], OFFICIAL)
    assert [count(split, s) for s in ("train", "val", "test")] == [50, 25, 25]


def test_official_draws_only_in_the_corpus_that_needs_it() -> None:
    whole = replace(corpus(100), "split", ["train", "val", "test", "train"] * 25)
    split = assign([whole, corpus(100, name="d")], SplitParams("official", None, 0.25, None, 0))
    found = [i[0] for i, s in subsets(split).items() if s == "val"]
    assert (found.count("c"), found.count("d")) == (25, 20)


def test_official_without_a_part_says_what_was_found() -> None:
    table = replace(corpus(4), "split", ["train", None, "test", "extra"])
    with pytest.raises(SplitError, match=r"2 of 4 .*holds extra, nothing.*first: c/0000001"):
        assign([table], OFFICIAL)


# Segments


SPANS = st.lists(
    st.tuples(
        st.integers(0, 1),  # file
        st.one_of(st.none(), st.integers(0, 20)),
        st.one_of(st.none(), st.integers(21, 30), st.integers(1, 5)),
    ).map(lambda s: (s[0], s[1], s[2] if s[2] is None or s[2] > 20 else (s[1] or 0) + s[2])),
    min_size=1,
    max_size=25,
)


def overlap(one: tuple, other: tuple) -> bool:
    ends = [np.inf if s[2] is None else s[2] for s in (one, other)]
    return one[0] == other[0] and max(one[1] or 0, other[1] or 0) < min(ends)


def cut(found: list[tuple]) -> pa.Table:
    file, start, end = zip(*found, strict=True)
    table = replace(corpus(len(found)), "path", [f"{f}.wav" for f in file])
    return replace(replace(table, "start_s", list(start)), "end_s", list(end))


@given(SPANS)
def test_stretches_are_what_overlaps_join(found: list[tuple]) -> None:
    """Against the definition: the groups of the graph whose edges are the overlaps."""
    group = list(range(len(found)))
    for i, one in enumerate(found):
        for j, other in enumerate(found):
            if overlap(one, other):
                group = [group[i] if g == group[j] else g for g in group]
    stretch = stretches(*spans(cut(found)))
    for i in range(len(found)):
        for j in range(len(found)):
            assert (stretch[i] == stretch[j]) == (group[i] == group[j])


@given(SPANS, st.data())
def test_a_split_is_refused_if_and_only_if_an_overlap_is_on_two_sides(
    found: list[tuple], data: st.DataObject
) -> None:
    table = cut(found)
    sides = [data.draw(st.sampled_from(["train", "val", "test"])) for _ in found]
    split = table_of(*((i, 0, s) for i, s in zip(table["utt_id"].to_pylist(), sides, strict=True)))
    leaks = any(
        overlap(found[i], found[j]) and sides[i] != sides[j]
        for i in range(len(found))
        for j in range(i)
    )
    if leaks:
        with pytest.raises(LeakageError, match="the same stretch of a file"):
            check_leakage(split, [table], None)
    else:
        check_leakage(split, [table], None)


def test_segments_that_overlap_stay_together() -> None:
    """Ten files, each of four segments that overlap by 90 % and one apart."""
    table = segments(*((i / 10, i / 10 + 1) for i in range(4)), (5.0, 6.0), files=10)
    for seed in range(5):
        split = assign([table], SplitParams("random", 5, 0.2, 0.2, seed))
        check_leakage(split, [table], None)
        found = subsets(split)
        for file in range(10):
            ids = [f"c/{file * 5 + i:07d}" for i in range(4)]
            assert len({found[i] for i in ids}) == 1
    with pytest.raises(SplitError, match="would have"):
        assign([segments(*((i / 10, i / 10 + 1) for i in range(40)))], RANDOM)


def test_neighbours_do_not_overlap_and_may_be_on_two_sides() -> None:
    table = segments(*((i * 0.1, (i + 1) * 0.1) for i in range(40)))
    split = assign([table], RANDOM)
    check_leakage(split, [table], None)
    assert [count(split, s) for s in ("train", "val", "test")] == [32, 4, 4]


def test_a_copy_joins_what_overlaps_its_original() -> None:
    """0 and 1 have the same audio, 1 overlaps 2: all three are one unit."""
    table = corpus(40)
    table = replace(table, "audio_key", ["x", "x", *table["audio_key"].to_pylist()[2:]])
    table = replace(table, "path", ["a.wav", "b.wav", "b.wav", *table["path"].to_pylist()[3:]])
    unit = shuffle(table, 0).unit
    assert unit[0] == unit[1] == unit[2]
    assert len(set(unit)) == 38


# Params


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (("random", None, 0.1, 0.1, None), "needs seed"),
        (("random", None, None, None, 0), "needs test_fraction and val_fraction"),
        (("speaker", None, 0.1, 0.1, 0), "remove `test_fraction`"),
        (("speaker", 1, 0.1, None, 0), "folds 1, expected 2"),
        (("official", 5, None, None, None), "remove `folds`"),
        (("session_paper", None, 0.1, None, 0), "on its test part; remove `val_fraction`"),
        (("random", None, 0.0, 0.1, 0), "val_fraction 0.0, expected a share"),
        (("random", None, 0.5, 0.5, 0), "leaves nothing to train on"),
        (("random", 11, 0.1, 0.1, 0), "11 x 0.1"),
        (("random", 0, 0.1, 0.1, 0), "folds 0, expected 1"),
    ],
)
def test_params_that_make_no_sense_are_refused(params: tuple, message: str) -> None:
    with pytest.raises(SplitError, match=message):
        SplitParams(*params)


def test_a_split_without_a_subset_is_refused() -> None:
    with pytest.raises(SplitError, match="fold 0 would have 4 train, 0 val, 0 test"):
        assign([corpus(4)], RANDOM)


def test_an_id_in_two_manifests_is_refused() -> None:
    with pytest.raises(SplitError, match="10 utterance ids occur twice: c/0000000"):
        assign([corpus(10), corpus(20)], RANDOM)


# Leakage


def table_of(*rows: tuple[str, int, str]) -> pa.Table:
    ids, folds, names = zip(*rows, strict=True)
    return pa.table([list(ids), list(folds), list(names)], schema=SCHEMA)


def test_leaks_are_refused() -> None:
    manifest = corpus(10, same_audio=2)
    a, a2, b = manifest["utt_id"].to_pylist()[:3]
    check_leakage(table_of((a, 0, "train"), (b, 0, "test"), (a, 1, "test")), [manifest], None)
    with pytest.raises(LeakageError, match=f"same utterance.*first: {a}"):
        check_leakage(table_of((a, 0, "train"), (a, 0, "val")), [manifest], None)
    with pytest.raises(LeakageError, match=f"same audio.*first: {a}, {a2}"):
        check_leakage(table_of((a, 0, "train"), (a2, 0, "test")), [manifest], None)
    with pytest.raises(LeakageError, match="names z, which no manifest has"):
        check_leakage(table_of(("z", 0, "train")), [manifest], None)


def test_a_speaker_may_be_in_train_and_val_but_not_in_test() -> None:
    manifest = corpus(10, speakers=2)
    a, b, same = (manifest["utt_id"].to_pylist()[i] for i in (0, 1, 2))
    check_leakage(
        table_of((a, 0, "train"), (same, 0, "val"), (b, 0, "test")), [manifest], "speaker"
    )
    for side in ("train", "val"):
        split = table_of((a, 0, side), (same, 0, "test"))
        check_leakage(split, [manifest], None)
        with pytest.raises(LeakageError, match="same speaker"):
            check_leakage(split, [manifest], "speaker")


@given(st.data())
def test_moving_any_tested_utterance_into_training_is_noticed(data: st.DataObject) -> None:
    manifest = corpus(60)
    split = assign([manifest], SPEAKER)
    names = split["subset"].to_pylist()
    moved = data.draw(st.sampled_from([i for i, s in enumerate(names) if s == "test"]))
    names[moved] = data.draw(st.sampled_from(["train", "val"]))
    with pytest.raises(LeakageError, match="same speaker"):
        check_leakage(replace(split, "subset", names), [manifest], "speaker")


def test_copies_of_audio_under_two_speakers_are_found(tmp_path: Path) -> None:
    table = corpus(100)
    table = replace(table, "audio_key", ["x", "x", *table["audio_key"].to_pylist()[2:]])
    pq.write_table(table, tmp_path / "m.parquet")
    with pytest.raises(LeakageError, match=r"same audio.*first: c/0000000, c/0000001"):
        splits.make([tmp_path / "m.parquet"], SPEAKER, tmp_path / "s.parquet")
    assert not (tmp_path / "s.parquet").exists()


@pytest.mark.parametrize("params", [RANDOM, SPEAKER, SplitParams("official", None, 0.1, None, 3)])
def test_making_a_split_twice_leaves_the_same_bytes(tmp_path: Path, params: SplitParams) -> None:
    pq.write_table(corpus(200), tmp_path / "m.parquet")
    outs = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for out in outs:
        splits.make([tmp_path / "m.parquet"], params, out)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert pq.read_table(outs[0]).schema == SCHEMA


def test_a_million_utterances_are_split_in_seconds() -> None:
    table = corpus(1_000_000, speakers=50)
    start = time.perf_counter()
    split = assign([table], RANDOM)
    check_leakage(split, [table], None)
    assert time.perf_counter() - start < 30  # 3.5 s measured on one core


def with_folds(n: int, folds: Sequence[Mapping[str, str] | None]) -> pa.Table:
    told = [list(parts.items()) if parts is not None else None for parts in folds]
    return corpus(n).append_column("folds", pa.array(told, pa.map_(pa.string(), pa.string())))


def test_own_folds_are_taken_as_they_are_and_in_the_order_of_their_numbers() -> None:
    def parts(i: int) -> dict[str, str]:
        found = {"10": "test" if i % 2 else "train", "9": "dev" if i < 20 else "training"}
        return found if i < 20 else found | {"9": "eval"} if i < 40 else {"10": found["10"]}

    table = with_folds(60, [parts(i) for i in range(60)])
    params = SplitParams("folds", None, 0.2, None, 3)
    with pytest.raises(SplitError, match="fold 0 would have 0 train, 20 val, 20 test"):
        assign([table], params)
    told = [parts(i) | ({"9": "train"} if i >= 40 else {}) for i in range(60)]
    split = assign([with_folds(60, told)], params).to_pylist()
    nine, ten = (Counter(r["subset"] for r in split if r["fold"] == f) for f in (0, 1))
    assert nine == {"train": 20, "val": 20, "test": 20}
    assert ten == {"train": 24, "val": 6, "test": 30}  # val drawn: the fold has none


def test_a_fold_may_leave_utterances_out() -> None:
    told = [
        {"1": ("train", "val", "test")[i % 3], "2": ("train", "val", "test")[i % 3]}
        for i in range(30)
    ]
    for parts in told[:9]:
        del parts["2"]
    split = assign([with_folds(30, told)], SplitParams("folds")).to_pydict()
    assert [split["fold"].count(f) for f in (0, 1)] == [30, 21]


@pytest.mark.parametrize(
    ("parts", "message"),
    [(None, "1 of 12 utterances are in no fold"), ({"1": "tryout"}, "fold 1 says tryout")],
)
def test_folds_that_say_nothing_usable_are_refused(
    parts: Mapping[str, str] | None, message: str
) -> None:
    told = [parts, *({"1": ("train", "val", "test")[i % 3]} for i in range(11))]
    with pytest.raises(SplitError, match=message):
        assign([with_folds(12, told)], SplitParams("folds"))


def test_own_parts_that_share_speakers_are_used_but_not_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = [{"1": "test" if i % 4 == 0 else "train"} for i in range(40)]
    pq.write_table(with_folds(40, told), tmp_path / "m.parquet")
    params = SplitParams("folds", None, 0.1, None, 0)
    splits.make([tmp_path / "m.parquet"], params, tmp_path / "s.parquet")
    assert "in fold 0 training hears 5 of the 5 test speakers too" in caplog.text


CORPUS = SplitParams("corpus", None, 0.1, None, 0)


def test_every_pair_of_corpora_is_a_fold_trained_on_the_one_and_tested_on_the_other() -> None:
    split = assign([corpus(40, name=name) for name in "abc"], CORPUS)
    pairs = []
    for fold in range(6):
        found = subsets(split, fold)
        heard = {utt_id[0] for utt_id, subset in found.items() if subset in ("train", "val")}
        tested = {utt_id[0] for utt_id, subset in found.items() if subset == "test"}
        assert (count(split, "test", fold), count(split, "val", fold)) == (40, 4)
        pairs.append((*heard, *tested))
    assert pairs == [("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("c", "a"), ("c", "b")]


def test_one_corpus_alone_has_no_other_to_be_tested_on() -> None:
    with pytest.raises(SplitError, match="found the corpus c alone, expected at least two"):
        assign([corpus(40)], CORPUS)


def test_fractions_of_the_training_part_are_nested_and_leave_the_rest_as_it_is() -> None:
    parts = {
        share: subsets(assign([corpus(400)], SplitParams("random", None, 0.1, 0.1, 0, share)))
        for share in (0.1, 0.5, None)
    }
    train = {s: {u for u, part in p.items() if part == "train"} for s, p in parts.items()}
    assert train[0.1] < train[0.5] < train[None]
    assert [len(train[share]) for share in (0.1, 0.5, None)] == [32, 160, 320]
    rest = [{u: p for u, p in found.items() if p != "train"} for found in parts.values()]
    assert rest[0] == rest[1] == rest[2]


def test_a_fraction_needs_a_seed_and_to_be_one() -> None:
    with pytest.raises(SplitError, match="draws train_fraction and needs seed"):
        SplitParams("official", train_fraction=0.5)
    with pytest.raises(SplitError, match=r"train_fraction 1.5, expected a share"):
        SplitParams("official", seed=0, train_fraction=1.5)

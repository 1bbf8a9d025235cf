"""Laws of the tensor cache."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from pipeline.catalog import Catalog, shard_paths
from pipeline.label_tables import TASKS
from pipeline.labels import Task
from pipeline.pack import PackSummary, SplitFile, TaskParams, pack
from pipeline.packing.index import read_folds
from pipeline.packing.rows import PackError, choose_utterances
from pipeline.splitting.params import SplitParams
from tests.pipeline import small_store
from tests.pipeline.small_store import (
    BERT_DIM,
    N_MELS,
    WORD_DIM,
    WORDS,
    Spec,
    build,
    frames_of,
    mel_of,
    simple_split,
    states_of,
    tokens_of,
    vector_of,
    with_params,
    write_split,
)

TASK = TaskParams(
    classes={"high": ("angry", "happy"), "low": ("sad",)},
    sources=("reference",),
    dimensions=(),
    max_frames=6,
)
SPEAKER = SplitParams("speaker", folds=2, val_fraction=0.1, seed=0)
RANDOM = SplitParams("random", val_fraction=0.1, test_fraction=0.1, seed=0)

WHISPER = {"compute_type": "int8", "beam_size": 1, "language": "corpus", "initial_prompt": None}
MADE: dict[
    str, tuple[dict[str, Any], set[str]]
] = {  # feature -> its parameters, and the models that the catalog names
    "manifest": ({"corpora": {"reader": "table"}, "manifest": {"silence_db": -60}}, set()),
    "transcripts": ({"asr": {"sources": {"whisper": {"model": "small", **WHISPER}}}}, {"whisper"}),
    "views": ({"audio": {"sample_rate_hz": 16000}, "augment": {"noise": None}}, set()),
    "mel": ({"audio": {"sample_rate_hz": 16000}, "mel": {"n_mels": N_MELS, "hop_ms": 10}}, set()),
    "words": ({"words": {"models": {"en": "/here/words"}, "segmenters": {"zh": "char"}}}, {"en"}),
    "bert": ({"bert": {"models": {"en": "org/bert"}, "max_tokens": 9, "tokens": False}}, {"en"}),
}


def stored(spec: Spec) -> Catalog:
    """The store of `spec`, whose catalog tells how it was made."""
    catalog = build(spec)
    for corpus, features in catalog.items():
        for feature, (params, uses) in MADE.items():
            models = {use: {"name": "/here", "revision": f"{feature}-{use}"} for use in uses}
            entry = replace(features[feature], params=params, encoders=models)
            catalog[corpus][feature] = entry
    return catalog


def packed(spec: Spec, out: Path, task: TaskParams = TASK) -> PackSummary:
    path = simple_split(spec.root / "splits" / "s.parquet", spec.corpora, spec.utterances)
    return pack("toy", task, stored(spec), {"s": SplitFile(path, SPEAKER)}, out)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pack")
    packed(Spec(root), root / "cache" / "toy")
    return root / "cache" / "toy"


def test_cache_holds_the_named_files_and_nothing_else_is_left(cache: Path) -> None:
    names = ["bert-reference.safetensors", "index.parquet", "mel.safetensors", "meta.json"]
    assert sorted(bytes_of(cache)) == [*names, "words-reference.safetensors"]
    assert [p.name for p in cache.parent.iterdir() if p.is_dir()] == ["toy"]


def test_index_is_sorted_by_utterance_with_the_original_first(cache: Path) -> None:
    index = pq.read_table(cache / "index.parquet").to_pylist()
    assert [(r["utt_id"], r["view"]) for r in index[:3]] == [
        ("one/00", "original"), ("one/00", "noise"), ("one/00", "pitch"),
    ]  # fmt: skip
    ids = [r["utt_id"] for r in index]
    assert ids == sorted(ids) and len(ids) == 11 * 3
    assert [r["utterance"] for r in index] == [i for i in range(11) for _ in range(3)]
    assert index[0]["soft_label"] == [1.0, 0.0] and index[4]["soft_label"] is None
    assert index[0]["duration_s"] == 1.0 and index[1]["duration_s"] == 0.5


def test_spectrograms_are_those_of_the_store_cut_at_the_end(cache: Path) -> None:
    index = pq.read_table(cache / "index.parquet").to_pylist()
    mel = load_file(cache / "mel.safetensors")
    assert mel["values"].dtype == np.float16 and mel["offsets"].dtype == np.int64
    for i, row in enumerate(index):
        values = mel["values"][mel["offsets"][i] : mel["offsets"][i + 1]]
        wanted = mel_of(row["utt_id"], row["view"])[: TASK.max_frames]
        assert row["frames"] == len(wanted)
        assert np.array_equal(values, wanted)
        exact = wanted.astype(np.float64)
        assert np.allclose(mel["sum"][i], exact.sum(0), rtol=1e-14)
        assert np.allclose(mel["sum_squares"][i], (exact**2).sum(0), rtol=1e-14)


def test_words_are_found_again_through_the_vocabulary(cache: Path) -> None:
    words = load_file(cache / "words-reference.safetensors")
    assert words["table"].shape == (2 + len(WORDS), WORD_DIM)
    assert not words["table"][:2].any()
    vocabulary = {word: 2 + i for i, word in enumerate(sorted(WORDS))}
    named = [["en", word] for word in sorted(WORDS)]
    assert json.loads(words["vocabulary"].tobytes()) == named
    for i in range(11):
        ids = words["ids"][words["offsets"][i] : words["offsets"][i + 1]]
        tokens = tokens_of(f"one/{i:02d}", "reference")
        assert ids.tolist() == ([vocabulary[t] for t in tokens] or [1])  # silence: unknown
        vectors = [vector_of(t) for t in tokens] or [np.zeros(WORD_DIM)]
        assert np.array_equal(words["table"][ids], vectors)


def test_words_of_an_asr_are_packed_with_their_frames(tmp_path: Path) -> None:
    task = replace(TASK, sources=("reference", "whisper"))
    packed(Spec(tmp_path, sources=task.sources), tmp_path / "cache", task)
    assert not (tmp_path / "cache" / "align-reference.safetensors").exists()
    frames = load_file(tmp_path / "cache" / "align-whisper.safetensors")["frames"]
    offsets = load_file(tmp_path / "cache" / "words-whisper.safetensors")["offsets"]
    assert len(frames) == offsets[-1]
    for i in range(11):
        tokens = tokens_of(f"one/{i:02d}", "whisper")
        found = frames[offsets[i] : offsets[i + 1]].tolist()
        assert found == ([[50 * j, 50 * (j + 1)] for j in range(len(tokens))] or [[0, 0]])


def test_states_of_tokens_are_packed_where_the_store_keeps_them(tmp_path: Path) -> None:
    spec = Spec(tmp_path)
    catalog = stored(spec)
    kept = {"bert": {**MADE["bert"][0]["bert"], "tokens": True}}
    split = SplitFile(simple_split(tmp_path / "s.parquet"), SPEAKER)
    pack("toy", TASK, with_params(catalog, "one", "bert", kept), {"s": split}, tmp_path / "cache")
    states = load_file(tmp_path / "cache" / "bert_tokens-reference.safetensors")
    for i in range(11):
        found = states["states"][states["offsets"][i] : states["offsets"][i + 1]]
        assert np.array_equal(found, states_of(f"one/{i:02d}", "reference"))


def test_the_trainer_accepts_it(cache: Path) -> None:
    from training.cache import open_cache

    opened = open_cache(cache)
    opened.verify()
    tested = opened.rows("s", 0, "test")
    assert [opened.utt_ids[row] for row in tested] == ["one/00", "one/04", "one/08"]
    assert opened.tensors("mel")["values"].shape[0] == int(opened.frames.sum())


def test_meta_names_what_is_there(cache: Path) -> None:
    meta = json.loads((cache / "meta.json").read_text())
    assert (meta["n_mels"], meta["word_dim"], meta["bert_dim"]) == (N_MELS, WORD_DIM, BERT_DIM)
    assert (meta["rows"], meta["utterances"]) == (33, 11)
    assert meta["splits"] == {"s": {"folds": 2, "protocol": "speaker", "chosen_on": "val"}}
    assert set(meta["files"]) == set(bytes_of(cache)) - {"meta.json"}


def test_a_task_by_name_packs_the_classes_of_that_name(tmp_path: Path) -> None:
    task = replace(TASK, classes="binary-arousal")
    summary = packed(Spec(tmp_path), tmp_path / "cache", task)
    assert json.loads((tmp_path / "cache" / "meta.json").read_text())["classes"] == ["high", "low"]
    assert summary.classes["low"] == {"bored": 1, "calm": 0, "neutral": 0, "sad": 3}
    assert summary.dropped == {}
    assert summary.utterances == 12


def test_parts_of_a_task_of_fewer_classes_are_those_of_more_less_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emotions = [e for made_of in TASKS["6-class"].values() for e in made_of]
    monkeypatch.setattr(small_store, "LABELS", emotions)
    spec = Spec(tmp_path, utterances=61)
    parts = ("test", "train", "val", "train", "train")
    split = [(f"one/{i:02d}", fold, parts[(i + fold) % 5]) for fold in (0, 1) for i in range(61)]
    made = SplitFile(write_split(tmp_path / "splits" / "s.parquet", split), RANDOM)
    sides = {}
    for task in ("4-class", "6-class"):
        out = tmp_path / "cache" / task
        pack(task, replace(TASK, classes=task), stored(spec), {"s": made}, out)
        classes = json.loads((out / "meta.json").read_text())["classes"]
        sides[task] = {
            (row["utt_id"], fold): (row[f"s/{fold}"], classes[row["label"]])
            for row in pq.read_table(out / "index.parquet").to_pylist()
            for fold in (0, 1)
            if row["view"] == "original"
        }
    four = ("angry", "happy", "neutral", "sad")
    assert sides["4-class"] == {k: v for k, v in sides["6-class"].items() if v[1] in four}
    assert {part for part, _ in sides["4-class"].values()} == set(parts)
    assert {label for _, label in sides["6-class"].values()} - set(four) == {"fear", "surprise"}


def test_summary_counts_what_was_left_out(tmp_path: Path) -> None:
    summary = packed(Spec(tmp_path), tmp_path / "cache")
    ids = [f"one/{i:02d}" for i in range(11)]
    assert summary.dropped == {"bored": 1}
    assert str(summary).startswith("pack: 11 utterances, 33 rows, ")
    high = {name: summary.classes["high"][name] for name in ("angry", "happy")}
    assert sum(high.values()) + summary.classes["low"]["sad"] == 11
    merged = " + ".join(f"{name} {count}" for name, count in high.items())
    assert f"; high {sum(high.values())} ({merged}), low " in str(summary)
    assert "dropped as of no class: bored 1; " in str(summary)
    long = [frames_of(i, v) > 6 for i in ids for v in ("original", "noise", "pitch")]
    assert summary.truncated == sum(long) > 0
    words = [token for i in ids for token in tokens_of(i, "reference") or ["zzz"]]
    share = words.count("zzz") / len(words)
    assert summary.unknown_words == {"reference": pytest.approx(share)}


def test_views_are_used_in_training_alone(cache: Path) -> None:
    index = pq.read_table(cache / "index.parquet").to_pylist()
    for fold in ("s/0", "s/1"):
        whole = {r["utt_id"]: r[fold] for r in index if r["view"] == "original"}
        assert set(whole.values()) == {"train", "val", "test"}
        for row in index:
            if row["view"] != "original":
                parent = whole[row["utt_id"]]
                assert row[fold] == ("train" if parent == "train" else None)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.integers(1, 99), shards=st.integers(1, 5))
def test_bytes_do_not_depend_on_where_rows_lie(
    cache: Path, tmp_path_factory: pytest.TempPathFactory, order: int, shards: int
) -> None:
    root = tmp_path_factory.mktemp("shuffled")
    packed(Spec(root, order=order, shards=shards), root / "cache")
    assert bytes_of(root / "cache") == bytes_of(cache)


def test_other_sources_and_folders_outside_the_catalog_change_nothing(
    cache: Path, tmp_path: Path
) -> None:
    build(Spec(tmp_path, corpora=("gone",)))  # a corpus no longer in params, so not in the catalog
    packed(Spec(tmp_path, sources=("reference", "whisper")), tmp_path / "cache")
    assert bytes_of(tmp_path / "cache") == bytes_of(cache)


def test_packing_again_replaces_the_folder_whole(tmp_path: Path) -> None:
    out = tmp_path / "cache" / "toy"
    packed(Spec(tmp_path), out)
    (out / "stale").write_text("of an older version")
    (out.parent / ".tmp-new-toy").mkdir()  # of a killed run
    packed(Spec(tmp_path, views=("original",)), out)
    assert "stale" not in bytes_of(out)
    assert [p.name for p in out.parent.iterdir() if p.is_dir()] == ["toy"]
    assert len(pq.read_table(out / "index.parquet")) == 11


def test_a_failed_pack_leaves_the_older_cache(tmp_path: Path) -> None:
    packed(Spec(tmp_path), tmp_path / "cache")
    before = bytes_of(tmp_path / "cache")
    with pytest.raises(PackError):
        packed(Spec(tmp_path, omit=(("bert", "one/05"),)), tmp_path / "cache")
    assert bytes_of(tmp_path / "cache") == before


@pytest.mark.parametrize("feature", ["mel", "words", "bert", "transcripts"])
def test_a_missing_row_is_named_with_what_to_run(tmp_path: Path, feature: str) -> None:
    stage = "asr" if feature == "transcripts" else feature
    with pytest.raises(PackError, match=rf"1 of 11 .*one/05.*dvc repro {stage}@one catalog"):
        packed(Spec(tmp_path, omit=((feature, "one/05"),)), tmp_path / "cache")


def test_rows_of_labels_outside_the_task_may_be_missing(tmp_path: Path) -> None:
    summary = packed(Spec(tmp_path, omit=(("mel", "one/11"),)), tmp_path / "cache")
    assert summary.utterances == 11


def test_a_task_without_text_sources_packs_audio_alone(tmp_path: Path) -> None:
    packed(Spec(tmp_path, sources=()), tmp_path / "cache", replace(TASK, sources=()))
    assert sorted(bytes_of(tmp_path / "cache")) == ["index.parquet", "mel.safetensors", "meta.json"]
    assert json.loads((tmp_path / "cache" / "meta.json").read_text())["word_dim"] == 0


def test_a_class_without_utterances_is_refused(tmp_path: Path) -> None:
    task = replace(TASK, classes={**TASK.classes, "afraid": ("fear",)})
    with pytest.raises(PackError, match=r"class 'afraid' .*labels angry, bored, happy, sad"):
        packed(Spec(tmp_path), tmp_path / "cache", task)


def test_other_parameters_in_one_corpus_are_refused(tmp_path: Path) -> None:
    catalog = stored(Spec(tmp_path, corpora=("one", "two")))
    split = SplitFile(simple_split(tmp_path / "s.parquet", ("one", "two")), SPEAKER)
    pack("toy", TASK, catalog, {"s": split}, tmp_path / "cache")
    mixed = with_params(catalog, "two", "mel", {"mel": {"n_mels": 64, "hop_ms": 10}})
    with pytest.raises(PackError, match="mel of 'one' and of 'two'"):
        pack("toy", TASK, mixed, {"s": split}, tmp_path / "cache")


def test_what_made_texts_does_not_count_for_a_task_without_any(tmp_path: Path) -> None:
    catalog = stored(Spec(tmp_path, corpora=("one", "two")))
    split = SplitFile(simple_split(tmp_path / "s.parquet", ("one", "two")), SPEAKER)
    mixed = with_params(catalog, "two", "bert", {"bert": {"max_tokens": 5, "tokens": False}})
    with pytest.raises(PackError, match="bert of 'one' and of 'two'"):
        pack("toy", TASK, mixed, {"s": split}, tmp_path / "cache")
    pack("toy", replace(TASK, sources=()), mixed, {"s": split}, tmp_path / "cache")


def _pack_with(root: Path, rows: list[tuple[str, int, str]]) -> PackSummary:
    split = SplitFile(write_split(root / "s.parquet", rows), RANDOM)
    return pack("toy", TASK, stored(Spec(root)), {"s": split}, root / "cache")


def test_an_utterance_on_both_sides_is_refused(tmp_path: Path) -> None:
    rows = [(f"one/{i:02d}", 0, "train" if i < 6 else "test") for i in range(11)]
    with pytest.raises(PackError, match=r"split 's': the same utterance .*one/02.*dvc repro split"):
        _pack_with(tmp_path, [*rows, ("one/02", 0, "test")])


def test_a_speaker_on_both_sides_is_refused_by_the_speaker_protocol(tmp_path: Path) -> None:
    rows = [(f"one/{i:02d}", 0, "train" if i < 6 else "test") for i in range(11)]
    split = SplitFile(write_split(tmp_path / "s.parquet", rows), SPEAKER)
    with pytest.raises(PackError, match=r"split 's': .*speaker"):
        pack("toy", TASK, stored(Spec(tmp_path)), {"s": split}, tmp_path / "cache")


def test_two_vectors_of_one_word_are_refused(tmp_path: Path) -> None:
    catalog = stored(Spec(tmp_path))
    path = Path(catalog["one"]["words"].shards[0])
    rows = pq.read_table(path)
    halved = [[x / 2 for x in row] for row in rows["vectors"].to_pylist()]
    at = rows.schema.get_field_index("vectors")
    pq.write_table(rows.set_column(at, "vectors", pa.array(halved, pa.list_(pa.float32()))), path)
    split = SplitFile(simple_split(tmp_path / "s.parquet"), RANDOM)
    with pytest.raises(PackError, match="mixes two models"):
        pack("toy", TASK, catalog, {"s": split}, tmp_path / "cache")


def test_a_class_absent_from_training_is_refused_and_from_testing_is_told(tmp_path: Path) -> None:
    low = {f"one/{i:02d}" for i in (2, 5, 8)}  # label sad
    ids = [f"one/{i:02d}" for i in range(11)]
    with pytest.raises(PackError, match="no utterance of low in the train part"):
        _pack_with(tmp_path, [(i, 0, "test" if i in low or i < "one/04" else "train") for i in ids])
    told = _pack_with(tmp_path, [(i, 0, "test" if i < "one/02" else "train") for i in ids])
    assert any("no test utterance of low" in w for w in told.warnings)
    assert any("no validation part" in w for w in told.warnings)


def test_utterances_outside_a_split_are_null_and_told(tmp_path: Path) -> None:
    rows = [(f"one/{i:02d}", 0, "train" if i < 4 else "test") for i in range(9)]
    summary = _pack_with(tmp_path, rows)
    assert any("2 utterances of the task are not in this split" in w for w in summary.warnings)
    index = pq.read_table(tmp_path / "cache" / "index.parquet").to_pylist()
    assert {r["s/0"] for r in index if r["utt_id"] > "one/08"} == {None}


def made_with(catalog: Catalog, corpus: str, feature: str, **models: str) -> Catalog:
    """The catalog with the revisions of other models in one entry."""
    entry = catalog[corpus][feature]
    encoders = {use: {"name": "/there", "revision": r} for use, r in models.items()}
    return {**catalog, corpus: {**catalog[corpus], feature: replace(entry, encoders=encoders)}}


def features_of(cache: Path) -> dict[str, Any]:
    features: dict[str, Any] = json.loads((cache / "meta.json").read_text())["features"]
    return features


def repacked(root: Path, catalog: Catalog, task: TaskParams = TASK) -> Path:
    split = SplitFile(simple_split(root / "splits" / "s.parquet"), SPEAKER)
    pack("toy", task, catalog, {"s": split}, root / "cache")
    return root / "cache"


def test_a_language_that_does_not_occur_and_the_place_of_models_change_nothing(
    cache: Path, tmp_path: Path
) -> None:
    catalog = stored(Spec(tmp_path))
    words = {
        "models": {"en": "/there/words", "ja": "/ja"},
        "segmenters": {"zh": "char", "ja": "char"},
    }
    catalog = with_params(catalog, "one", "words", {"words": words})
    catalog = made_with(catalog, "one", "words", en="words-en", ja="words-ja")
    assert bytes_of(repacked(tmp_path, catalog)) == bytes_of(cache)


def test_meta_tells_what_made_the_rows(cache: Path) -> None:
    assert features_of(cache) == {
        "audio": {"sample_rate_hz": 16000},
        "augment": {"noise": None},
        "mel": {"n_mels": N_MELS, "hop_ms": 10},
        "words": {"segmenters": {}, "revisions": {"en": "words-en"}},
        "bert": {"max_tokens": 9, "tokens": False, "revisions": {"en": "bert-en"}},
        "sources": {"reference": "reference"},
    }


def test_meta_tells_the_parameters_it_was_made_with(cache: Path) -> None:
    assert json.loads((cache / "meta.json").read_text())["params"] == {
        "tasks": {
            "toy": {
                "classes": {"high": ["angry", "happy"], "low": ["sad"]},
                "sources": ["reference"],
                "dimensions": [],
                "max_frames": 6,
            }
        },
        "splits": {"s": asdict(SPEAKER)},
        "corpora": {"one": {"reader": "table"}},
        "manifest": {"silence_db": -60},
        "audio": {"sample_rate_hz": 16000},
        "augment": {"noise": None},
        "mel": {"n_mels": N_MELS, "hop_ms": 10},
        "asr": {"sources": {}},
        "words": {"models": {"en": "words"}, "segmenters": {}},
        "bert": {"models": {"en": "org/bert"}, "max_tokens": 9, "tokens": False},
    }


def test_a_manifest_made_with_other_parameters_is_refused(tmp_path: Path) -> None:
    catalog = stored(Spec(tmp_path, corpora=("one", "two")))
    other = {"corpora": {"reader": "table"}, "manifest": {"silence_db": -40}}
    mixed = with_params(catalog, "two", "manifest", other)
    split = SplitFile(simple_split(tmp_path / "s.parquet", ("one", "two")), SPEAKER)
    with pytest.raises(PackError, match=r"manifest of 'one' and of 'two' .*manifest@one manifest@"):
        pack("toy", TASK, mixed, {"s": split}, tmp_path / "cache")


def test_meta_tells_which_asr_made_a_text(tmp_path: Path) -> None:
    catalog = stored(Spec(tmp_path, sources=("reference", "whisper")))
    task = replace(TASK, sources=("whisper",))
    heard = features_of(repacked(tmp_path, catalog, task))["sources"]
    assert heard == {"whisper": {**WHISPER, "revision": "transcripts-whisper"}}
    other = made_with(catalog, "one", "transcripts", whisper="newer")
    assert features_of(repacked(tmp_path, other, task))["sources"] != heard


def test_meta_of_audio_alone_tells_of_no_text(tmp_path: Path) -> None:
    out = repacked(tmp_path, stored(Spec(tmp_path, sources=())), replace(TASK, sources=()))
    assert list(features_of(out)) == ["audio", "augment", "mel"]


def test_an_unknown_language_is_served_by_the_model_of_none(tmp_path: Path) -> None:
    catalog = stored(Spec(tmp_path))
    for shard in catalog["one"]["transcripts"].shards:
        rows = pq.read_table(shard, partitioning=None)
        at = rows.schema.get_field_index("language")
        nothing = pa.nulls(len(rows), pa.string())
        pq.write_table(rows.set_column(at, "language", nothing), shard, store_schema=False)
    for feature in ("words", "bert"):
        catalog = made_with(catalog, "one", feature, **{"None": "default"})
    assert features_of(repacked(tmp_path, catalog))["bert"]["revisions"] == {"": "default"}


def test_models_that_differ_or_are_not_named_are_refused(tmp_path: Path) -> None:
    catalog = stored(Spec(tmp_path, corpora=("one", "two")))
    split = SplitFile(simple_split(tmp_path / "s.parquet", ("one", "two")), SPEAKER)
    mixed = made_with(catalog, "two", "bert", en="newer")
    with pytest.raises(PackError, match=r"2 models for 'en' in bert .*dvc repro bert@one bert@two"):
        pack("toy", TASK, mixed, {"s": split}, tmp_path / "cache")
    none = made_with(made_with(catalog, "one", "words"), "two", "words")
    with pytest.raises(PackError, match="no model for 'en' in words of one, two"):
        pack("toy", TASK, none, {"s": split}, tmp_path / "cache")


def test_bytes_do_not_depend_on_how_much_is_read_at_once(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.packing.rows.LOOKUP_ROWS", 1)
    monkeypatch.setattr("pipeline.packing.rows.BATCH_ROWS", 2)
    monkeypatch.setattr("pipeline.packing.index.SPLIT_ROWS", 5)
    monkeypatch.setattr("pipeline.packing.index.LOOKUP_ROWS", 2)
    monkeypatch.setattr("pipeline.pack.CHUNK", 3)
    packed(Spec(tmp_path, shards=5), tmp_path / "cache")
    assert bytes_of(tmp_path / "cache") == bytes_of(cache)


def test_missing_text_is_answered_with_audio_alone_and_missing_sound_is_not(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"`sources: \[\]` in the task"):
        packed(Spec(tmp_path, omit=(("words", "one/05"),)), tmp_path / "cache")
    with pytest.raises(PackError) as error:
        packed(Spec(tmp_path, omit=(("mel", "one/05"),)), tmp_path / "cache")
    assert "sources" not in str(error.value)


@pytest.mark.parametrize("feature", ["mel", "words", "bert"])
def test_a_row_that_is_there_twice_is_refused(tmp_path: Path, feature: str) -> None:
    catalog = stored(Spec(tmp_path))
    features = catalog["one"]
    twice = replace(features[feature], shards=features[feature].shards * 2)
    with pytest.raises(PackError, match="two rows"):
        repacked(tmp_path, {"one": {**features, feature: twice}})


def test_a_spectrogram_without_frames_is_refused(tmp_path: Path) -> None:
    catalog = stored(Spec(tmp_path))
    path = Path(catalog["one"]["mel"].shards[0])
    rows = pq.read_table(path, partitioning=None)
    at = rows.schema.get_field_index("frames")
    none = pa.array([0] * len(rows), pa.int32())
    pq.write_table(rows.set_column(at, "frames", none), path, store_schema=False)
    with pytest.raises(PackError, match="has no frame"):
        repacked(tmp_path, catalog)


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([("one/00", 0, "train"), ("one/00", 0, "test")], "fold 0: one/00 is there twice"),
        ([("one/00", 1, "train")], r"expected folds 0, 1, 2, ..., found \[1\]"),
        ([("one/00", 0, "dev")], "none of train, val, test"),
        ([], r"found \[\]"),
    ],
)
@pytest.mark.parametrize("at_once", [1, 99])
def test_a_split_that_is_none_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[tuple[str, int, str]],
    wrong: str,
    at_once: int,
) -> None:
    monkeypatch.setattr("pipeline.packing.index.SPLIT_ROWS", at_once)
    manifests = shard_paths(build(Spec(tmp_path)), "manifest")
    utterances = choose_utterances(manifests, Task(TASK.classes))
    with pytest.raises(PackError, match=wrong):
        read_folds("s", write_split(tmp_path / "s.parquet", rows), utterances)
    with pytest.raises(PackError, match=r"11 utterance ids occur twice .*and 1 more"):
        choose_utterances([*manifests, *manifests], Task(TASK.classes))


def rate(catalog: Catalog, corpus: str, **columns: list[float | None]) -> None:
    """Give the first utterances of a corpus ratings."""
    path = Path(catalog[corpus]["manifest"].shards[0])
    table = pq.read_table(path, partitioning=None)
    for name, values in columns.items():
        padded = values + [None] * (len(table) - len(values))
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(padded, pa.float32()))
    pq.write_table(table, path)


def with_scale(catalog: Catalog, corpus: str, least: float, most: float) -> Catalog:
    scaled = replace(catalog[corpus]["manifest"], facts={"scale": {"least": least, "most": most}})
    return {**catalog, corpus: {**catalog[corpus], "manifest": scaled}}


RATED = replace(TASK, dimensions=("valence", "arousal"))


def test_ratings_are_packed_as_they_are_with_the_scales_of_their_corpora(tmp_path: Path) -> None:
    catalog = with_scale(stored(Spec(tmp_path, corpora=("one", "two"))), "one", 1, 5)
    rate(catalog, "one", arousal=[1.5, None, 5.0], valence=[3.0, 2.0])
    index, meta = packed_rated(tmp_path, catalog)
    assert meta["dimensions"] == ["valence", "arousal"]
    assert meta["scales"] == {"one": [1, 5], "two": [-1, 1]}  # two has no rating, so any will do
    told = {
        (row["utt_id"], row["view"]): (row["valence"], row["arousal"]) for row in index.to_pylist()
    }
    assert {told["one/00", view] for view in ("original", "noise")} == {(3.0, 1.5)}
    assert told["one/01", "original"] == (2.0, None)
    assert told["two/00", "original"] == (None, None)


def packed_rated(tmp_path: Path, catalog: Catalog) -> tuple[pa.Table, dict[str, Any]]:
    simple_split(tmp_path / "rated.parquet", tuple(catalog))
    splits = {"rated": SplitFile(tmp_path / "rated.parquet", SPEAKER)}
    out = tmp_path / "rated-cache"
    pack("two", RATED, catalog, splits, out)
    return pq.read_table(out / "index.parquet"), json.loads((out / "meta.json").read_text())


@pytest.mark.parametrize(
    ("ratings", "scale", "told"),
    [
        ({"arousal": [3.0]}, (1, 5), "no utterance of the task has valence"),
        ({"arousal": [3.0], "valence": [3.0]}, None, r"corpora.one: the scale .* is not known"),
        (
            {"arousal": [3.0, 6.0], "valence": [3.0]},
            (1, 5),
            "1 ratings of arousal are outside its scale, 1 to 5, first: one/01 has 6",
        ),
    ],
)
def test_ratings_that_cannot_be_learned_are_refused(
    tmp_path: Path,
    ratings: dict[str, list[float | None]],
    scale: tuple[int, int] | None,
    told: str,
) -> None:
    catalog = stored(Spec(tmp_path))
    catalog = with_scale(catalog, "one", *scale) if scale else catalog
    rate(catalog, "one", **ratings)
    with pytest.raises(PackError, match=told):
        packed_rated(tmp_path, catalog)


def test_a_dimension_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="names one twice"):
        replace(TASK, dimensions=("arousal", "arousal"))

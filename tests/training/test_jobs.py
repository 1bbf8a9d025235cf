import json
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.cache import open_cache
from training.checkpoint import describe_fold
from training.jobs import fold_key
from training.train_settings import Regression

TEXTS = [("words",), ("bert",), ("words", "bert")]
ALL = ("audio", "words", "bert")


def keys(run, cache_dir):
    """The key of a fold, and what its record says."""
    cache = open_cache(cache_dir)
    return fold_key(run, cache, 0, 0), describe_fold(run, cache, 0, 0)


def change_column(folder, name, change, views=("original", "noise", "pitch")):
    """Rewrite one column of a cache's index, value by value, where a row is one of these views."""
    path = folder / "index.parquet"
    table = pq.read_table(path)
    at, field = table.column_names.index(name), table.schema.field(name)
    pairs = zip(table[name].to_pylist(), table["view"].to_pylist(), strict=True)
    values = pa.array([change(value) if view in views else value for value, view in pairs])
    pq.write_table(table.set_column(at, field, values.cast(field.type)), path)


def test_files_splits_and_features_that_a_run_does_not_read_are_not_in_its_key(
    run_settings, cache_dir, tmp_path
):
    run = replace(run_settings, modalities=("audio",))
    other = tmp_path / "other"
    shutil.copytree(cache_dir, other)
    meta = json.loads((other / "meta.json").read_text())
    for name in ("words", "bert"):
        meta["files"][f"{name}-{run.source}.safetensors"] = "0" * 32
    meta["key"] = "another"
    meta["features"]["bert"] = {"max_tokens": 9}
    (other / "meta.json").write_text(json.dumps(meta))
    index = pq.read_table(other / "index.parquet")
    pq.write_table(index.append_column("another/0", index["utt_id"]), other / "index.parquet")
    before, after = open_cache(cache_dir), open_cache(other)
    assert fold_key(run, before, 0, 0) == fold_key(run, after, 0, 0)
    fused = replace(run, modalities=("audio", "words"))
    assert fold_key(fused, before, 0, 0) != fold_key(fused, after, 0, 0)
    meta["files"]["mel.safetensors"] = "0" * 32
    (other / "meta.json").write_text(json.dumps(meta))
    assert fold_key(run, before, 0, 0) != fold_key(run, open_cache(other), 0, 0)


@pytest.mark.parametrize("modalities", TEXTS)
def test_a_run_without_audio_knows_neither_views_nor_frames(
    run_settings, cache_dir, make_cache, modalities
):
    run = replace(run_settings, modalities=modalities)
    deaf = replace(run.training, views=(), view_probability=0.0)
    assert keys(run, cache_dir) == keys(replace(run, training=deaf), cache_dir)
    longer = make_cache(views=("noise", "pitch"))
    files = json.loads((cache_dir / "meta.json").read_text())["files"]
    meta = json.loads((longer / "meta.json").read_text())
    (longer / "meta.json").write_text(json.dumps({**meta, "files": files}))
    change_column(longer, "frames", lambda n: n + 1)
    assert keys(run, cache_dir) == keys(run, longer)
    for heard in (("audio",), ALL):
        run = replace(run_settings, modalities=heard)
        assert keys(run, cache_dir)[0] != keys(run, longer)[0]


def test_views_and_text_source_count_where_they_are_read(run_settings, cache_dir):
    quiet = replace(run_settings.training, view_probability=0.25)
    audio = replace(run_settings, modalities=("audio",))
    assert keys(audio, cache_dir)[0] != keys(replace(audio, training=quiet), cache_dir)[0]
    assert keys(audio, cache_dir) == keys(replace(audio, source="whisper"), cache_dir)


def test_ratings_of_views_count_for_a_run_with_audio_alone(run_settings, make_cache):
    training = replace(run_settings.training, regression=Regression(weight=1.0))
    text, audio = (
        replace(run_settings, modalities=(m,), training=training) for m in ("bert", "audio")
    )
    folder = make_cache()
    before = [keys(run, folder)[0] for run in (text, audio)]
    change_column(folder, "valence", lambda x: x / 2, views=("noise",))
    assert keys(text, folder)[0] == before[0]
    assert keys(audio, folder)[0] != before[1]
    change_column(folder, "valence", lambda x: x / 2, views=("original",))
    assert keys(text, folder)[0] != before[0]


def test_durations_count_where_times_of_words_are_read(run_settings, baseline_runs, make_cache):
    runs = (run_settings, baseline_runs["umons"], baseline_runs["cme"])
    folder = make_cache()
    before = [keys(run, folder)[0] for run in runs]
    change_column(folder, "duration_s", lambda s: 2 * s, views=("noise",))
    after = [keys(run, folder)[0] for run in runs]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False]


def test_the_order_of_modalities_does_not_matter(run_settings, cache_dir):
    turned = replace(run_settings, modalities=ALL[::-1])
    assert keys(run_settings, cache_dir) == keys(turned, cache_dir)


def test_labels_and_parts_of_the_fold_count(run_settings, cache_dir, make_cache):
    run = replace(run_settings, modalities=("bert",))
    before = keys(run, cache_dir)[0]
    folder = make_cache()
    assert keys(run, folder)[0] == before
    change_column(folder, "label", lambda k: 1 if k == 0 else k)
    relabelled = keys(run, folder)[0]
    change_column(folder, "speaker/0", lambda part: "train" if part == "val" else part)
    assert len({before, relabelled, keys(run, folder)[0]}) == 3


def test_the_record_says_where_the_transcripts_that_were_read_come_from(
    run_settings, make_cache, rewrite_meta
):
    folder = make_cache()
    before = keys(run_settings, folder)[0]
    sources = {"reference": {}, "whisper": {"model": "tiny"}}
    rewrite_meta(folder, features={"mel": {}, "words": {}, "sources": sources})
    key, record = keys(run_settings, folder)
    assert key == before  # the digests of the files say it all
    assert record["features"] == {"mel": {}, "words": {}, "sources": {"reference": {}}}
    audio = replace(run_settings, modalities=("audio",))
    assert keys(audio, folder)[1]["features"] == {"mel": {}}

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from training.cache import open_cache
from training.data import open_features


def rewrite_column(folder, name, values):
    """Replace one column of a cache's index."""
    path = folder / "index.parquet"
    table = pq.read_table(path)
    at = table.column_names.index(name)
    field = table.schema.field(name)
    pq.write_table(table.set_column(at, field, pa.array(values, field.type)), path)


def test_subsets_hold_originals_and_cover_every_utterance_once_per_fold(cache_dir):
    cache = open_cache(cache_dir)
    for fold in range(cache.folds("speaker")):
        parts = [cache.rows("speaker", fold, subset) for subset in ("train", "val", "test")]
        rows = np.concatenate(parts)
        assert (cache.view[rows] == "original").all()
        assert sorted(cache.utterance[rows]) == list(range(48))


def test_a_view_is_found_from_its_utterance(make_cache):
    cache = open_cache(make_cache(views=("noise", "pitch")))
    table = cache.view_rows("pitch")
    assert (cache.view[table] == "pitch").all()
    assert np.array_equal(cache.utterance[table], np.arange(48))
    assert (cache.view_rows("stretch") == -1).all()


def anonymous_bytes():
    """Memory of this process that no file backs."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="needs Linux")
def test_a_large_file_takes_no_memory_of_its_own(make_cache):
    folder = make_cache()
    size = 200 * 2**20
    entry = {"dtype": "F16", "shape": [size // 2], "data_offsets": [0, size]}
    header = json.dumps({"values": entry}).encode()
    with (folder / "large.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
    cache = open_cache(folder)
    before = anonymous_bytes()
    values = cache.tensors("large")["values"]
    assert int(values.view(torch.int16).count_nonzero()) == 0  # read once from end to end
    assert anonymous_bytes() - before < size / 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 9}, r"has format 9, this version reads 4"),
        ({"rows": 5}, r"96 rows, meta\.json says 5"),
        ({"utterances": 40}, r"not exactly one original row for each of 40 utterances"),
        ({"classes": ["angry"]}, r"labels outside the 1 classes"),
    ],
)
def test_a_meta_that_contradicts_the_index_is_refused(make_cache, rewrite_meta, changes, message):
    folder = make_cache()
    rewrite_meta(folder, **changes)
    with pytest.raises(ValueError, match=message):
        open_cache(folder)


@pytest.mark.parametrize("name", ["frames", "duration_s", "arousal"])
def test_a_column_that_the_index_lacks_is_named(make_cache, name):
    folder = make_cache()
    path = folder / "index.parquet"
    pq.write_table(pq.read_table(path).drop_columns([name]), path)
    with pytest.raises(ValueError, match=rf"lacks the columns \['{name}'\]: pack the task again"):
        open_cache(folder)


def test_an_unfinished_folder_is_no_cache(make_cache):
    folder = make_cache()
    (folder / "meta.json").unlink()
    with pytest.raises(ValueError, match=r"meta\.json is missing: the folder is no tensor cache"):
        open_cache(folder)


def test_missing_entries_of_the_meta_are_named(make_cache):
    folder = make_cache()
    meta = json.loads((folder / "meta.json").read_text())
    del meta["key"], meta["classes"]
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ValueError, match=r"lacks \['classes', 'key'\]"):
        open_cache(folder)


def test_a_damaged_copy_is_noticed(make_cache):
    folder = make_cache()
    open_cache(folder).verify()
    path = folder / "bert-reference.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(ValueError, match=r"bert-reference\.safetensors has the digest"):
        open_cache(folder).verify()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="cannot be read"):
        open_cache(folder).tensors("bert-reference")
    path.unlink()
    with pytest.raises(ValueError, match="is missing: copy the whole folder"):
        open_cache(folder).verify()


def test_a_view_on_the_other_side_of_a_split_is_refused(make_cache):
    folder = make_cache()
    side = pq.read_table(folder / "index.parquet")["speaker/0"].to_pylist()
    at = side.index("test")
    side[at + 1] = "train"  # the row after an original is its view
    rewrite_column(folder, "speaker/0", side)
    with pytest.raises(ValueError, match=r"view 'noise' of demo/u\d+ is in 'train', its original"):
        open_cache(folder).rows("speaker", 0, "train")


def test_unknown_splits_folds_and_empty_subsets_are_named(make_cache):
    folder = make_cache()
    cache = open_cache(folder)
    with pytest.raises(ValueError, match=r"no split 'session', only \['speaker'\]"):
        cache.folds("session")
    with pytest.raises(ValueError, match=r"has folds 0\.\.1, not 2"):
        cache.rows("speaker", 2, "test")
    side = pq.read_table(folder / "index.parquet")["speaker/0"].to_pylist()
    rewrite_column(folder, "speaker/0", ["test" if s == "val" else s for s in side])
    with pytest.raises(ValueError, match=r"fold 0 of split 'speaker' has no 'val' utterances"):
        open_cache(folder).rows("speaker", 0, "val")


def test_a_split_chosen_on_its_test_part_validates_there(make_cache, rewrite_meta):
    folder = make_cache()
    split = {"folds": 2, "protocol": "session_paper", "chosen_on": "test"}
    rewrite_meta(folder, splits={"speaker": split})
    cache = open_cache(folder)
    chosen = [cache.rows("speaker", 0, subset).tolist() for subset in ("val", "test")]
    assert chosen[0] == chosen[1] != []


def test_a_run_that_does_not_fit_the_cache_is_told_why(cache_dir, run_settings):
    cache = open_cache(cache_dir)
    open_features(cache, run_settings)
    with pytest.raises(ValueError, match=r"for task 'emotion6', .* holds 'emotion4'"):
        open_features(cache, replace(run_settings, task="emotion6"))
    whisper = replace(run_settings, source="whisper")
    with pytest.raises(ValueError, match=r"no text source 'whisper', only \['reference'\]"):
        open_features(cache, whisper)
    open_features(cache, replace(whisper, modalities=("audio",)))  # audio alone needs no text
    training = replace(run_settings.training, views=("noise", "pitch"))
    pitch = replace(run_settings, training=training)
    with pytest.raises(ValueError, match=r"has no views \['pitch'\]: switch them on in augment"):
        open_features(cache, pitch)
    open_features(cache, replace(pitch, modalities=("bert",)))  # text has no views


@pytest.mark.parametrize(("key", "name"), [("n_mels", "mel"), ("word_dim", "words")])
def test_features_of_another_width_are_refused(make_cache, rewrite_meta, run_settings, key, name):
    folder = make_cache()
    rewrite_meta(folder, **{key: 99})
    with pytest.raises(ValueError, match=rf"{name} is \d wide, meta\.json says {key} = 99"):
        open_features(open_cache(folder), run_settings)

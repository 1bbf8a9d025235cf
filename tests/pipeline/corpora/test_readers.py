"""What all readers have in common: their tree is read whole, and nothing else is."""

import logging
import shutil
from pathlib import Path

import pyarrow.compute as pc
import pytest

from pipeline import corpora, label_tables, manifest
from pipeline.corpora import READERS, CorpusError, CorpusParams
from pipeline.manifest import ManifestParams
from tests.pipeline.corpora.trees import TREES, sounds, texts

PARAMS = ManifestParams(
    min_duration_s=0.1, max_duration_s=60.0, silence_db=-60.0, max_reject_fraction=0.0
)


def build(reader: str, root: Path) -> manifest.Manifest:
    return manifest.build(reader, CorpusParams(reader, str(root)), PARAMS, workers=1)


def test_every_reader_has_a_tree_and_a_table_of_labels() -> None:
    assert READERS.keys() == TREES.keys() | {"demo", "table"} == label_tables.TABLES.keys()


@pytest.mark.parametrize("reader", TREES)
def test_a_tree_in_the_corpuss_layout_is_read_whole(reader: str, trees: dict[str, Path]) -> None:
    found = build(reader, trees[reader])
    assert found.rejects.to_pylist() == []
    assert len(found.utterances) == TREES[reader][1]
    card = corpora.card(reader)
    assert card is not None
    assert set(found.utterances["language"].to_pylist()) <= set(card.languages)
    assert pc.all(pc.is_valid(found.utterances["raw_label"])).as_py()


@pytest.mark.parametrize("reader", TREES)
def test_stray_files_beside_a_corpus_are_no_utterances(
    reader: str, trees: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(trees[reader], root)
    sounds(root, "demo of mine/what is this.wav", "__MACOSX/._x.wav", ".hidden/y.wav")
    texts(root, {"desktop.ini": "[.ShellClassInfo]", "Thumbs.db": b"\xd0\xcf", "README": "hello"})
    found = build(reader, root)
    assert found.utterances.equals(build(reader, trees[reader]).utterances)
    assert found.rejects.to_pylist() == []
    if reader not in ("csemotions", "vcemo"):  # their tables say which recordings are theirs
        assert "left out 1 recordings beside" in caplog.text
        assert "what is this.wav" in caplog.text


@pytest.mark.parametrize("reader", TREES)
def test_an_empty_folder_is_an_error_that_says_what_to_do(reader: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as stop:
        list(corpora.utterances(CorpusParams(reader, str(tmp_path))))
    assert str(tmp_path) in str(stop.value)
    assert "found no" in str(stop.value) or "no such file" in str(stop.value)


@pytest.mark.parametrize("reader", sorted(TREES))
def test_a_card_tells_who_made_it_and_how_to_get_it(reader: str) -> None:
    card = corpora.card(reader)
    assert card is not None
    assert card.labels == reader
    assert card.home.startswith("http")
    assert len(card.citation) > 40
    assert card.access.endswith(".")
    assert all(len(code) == 2 for code in card.languages)
    assert card.licence.free or not card.archives
    for archive in card.archives:
        assert archive.url.startswith("http")
        assert "/" not in archive.name
        assert archive.digest is None or archive.digest.partition(":")[0] in ("md5", "sha256")


def test_the_documentation_lists_every_reader_with_its_numbers() -> None:
    rows = (Path(__file__).parents[3] / "docs" / "corpora.md").read_text().splitlines()
    told = {row.split("`")[1]: row for row in rows if row.startswith("| `")}
    for reader in TREES:
        card = corpora.card(reader)
        assert card is not None
        assert f"[{card.title}]({card.home})" in told[reader]
        assert f"| {card.utterances or ''} | {card.speakers or ''} |" in told[reader]


@pytest.mark.parametrize("reader", ["ravdess", "iemocap"])
def test_counts_that_are_not_met_warn_and_do_not_stop(
    reader: str, trees: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    card = corpora.card(reader)
    assert card is not None
    list(corpora.utterances(CorpusParams(reader, str(trees[reader]))))
    assert f"the full {card.title} has {card.utterances}" in caplog.text
    assert f"the full {card.title} has {card.speakers}" in caplog.text


def test_a_recording_among_the_others_with_a_strange_name_is_a_reject(
    trees: dict[str, Path], tmp_path: Path
) -> None:
    root = tmp_path / "corpus"
    shutil.copytree(trees["casia"], root)
    sounds(root, "liuchanhg/angry/301.wav", "liuchanhg/angry/201 copy.wav")
    found = build("casia", root)
    assert {row["path"] for row in found.rejects.to_pylist()} == {
        "liuchanhg/angry/301.wav",
        "liuchanhg/angry/201 copy.wav",
    }
    assert all("expected one like liuchanhg" in r["detail"] for r in found.rejects.to_pylist())
    assert len(found.utterances) == 2

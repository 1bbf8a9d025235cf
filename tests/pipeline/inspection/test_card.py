"""The card counts what the manifest holds; the commands print it, draw it, list it."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import corpora
from pipeline.inspection.card import BINS, spread_of
from pipeline.inspection.card_output import stated_lines
from tests.projects import Project, add_corpus, make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A corpus of 12 tones and one file that is none."""
    made = make_project(tmp_path_factory.mktemp("card") / "project")
    add_corpus(made, "c", 12)
    folder = made.root / "data" / "raw" / "c"
    (folder / "broken.wav").write_text("no audio")
    with (folder / "metadata.csv").open("a") as table:
        table.write("broken.wav,s9,sad,\n")
    made.set(manifest__max_reject_fraction=0.5)
    return made


def test_show_counts_draws_and_lists(project: Project) -> None:
    done = project.vcemo("corpus", "show", "c", check=False)
    assert "run `vcemo manifest c`" in done.stderr
    assert "no manifest yet" in project.vcemo("corpus", "list").stdout
    project.vcemo("manifest", "c")
    told = json.loads(project.vcemo("corpus", "show", "c", "--json").stdout)
    assert (told["utterances"], told["untold"]) == (12, 0)
    assert told["classes"] == {"angry": 3, "happy": 3, "neutral": 3, "sad": 3}
    assert told["speakers"] == {"s0": 4, "s1": 4, "s2": 4}
    assert sum(told["duration_s"]["counts"]) == 12
    assert told["rejects"]["unreadable"]["count"] == 1
    assert "broken.wav" in told["rejects"]["unreadable"]["examples"][0]
    picture = project.root / "reports" / "corpora" / "c" / "card.png"
    first = picture.read_bytes()
    assert first.startswith(b"\x89PNG")
    printed = project.vcemo("corpus", "show", "c").stdout
    assert picture.read_bytes() == first
    for line in ("12 utterances", "rejected, unreadable: 1", "duration (s)", "speaker"):
        assert line in printed
    assert "12" in project.vcemo("corpus", "list").stdout


def test_readers_are_listed_with_what_they_know(project: Project) -> None:
    printed = project.vcemo("corpus", "list", "--readers", COLUMNS="200").stdout
    assert "Emo-DB" in printed
    assert "table" not in printed


def test_add_links_enlists_and_shows(project: Project, tmp_path: Path) -> None:
    source = project.root / "data" / "raw" / "c"
    (tmp_path / "else").symlink_to(source)
    copied = tmp_path / "copied"
    copied.mkdir()
    for path in source.glob("00*.wav"):
        (copied / path.name).write_bytes(path.read_bytes())
    (copied / "t.csv").write_text("clip,mood\n0000.wav,grumpy\n")
    done = project.vcemo(
        *("corpus", "add", "new", str(copied / "t.csv"), "--column", "path=clip"),
        *("--column", "raw_label=mood", "--map-label", "grumpy=angry", "--language", "en"),
    )
    assert "manifest new: 1 utterances" in done.stdout
    assert "vcemo corpus check new" in done.stdout
    assert (project.root / "data" / "raw" / "new").resolve() == copied.resolve()
    assert project.vcemo("corpus", "check", "new").returncode == 0


@pytest.mark.parametrize("values", [[25.0, 25.0], [25.0, 25.0 + 1e-9], [7, 7, 7]])
def test_values_that_are_all_alike_are_one_bin(values: list[float]) -> None:
    spread = spread_of(np.array(values))
    assert spread.counts == (len(values),)
    assert spread.edges[0] < spread.least == spread.most < spread.edges[1]


@given(st.lists(st.integers(0, 10_000), min_size=1))
def test_bins_of_whole_numbers_hold_as_many_of_them_each(values: list[int]) -> None:
    spread = spread_of(np.array(values))
    widths = set(np.diff(spread.edges))
    assert len(widths) == 1 and next(iter(widths)) % 1 == 0
    assert len(spread.counts) <= BINS and sum(spread.counts) == len(values)


def test_a_card_says_on_which_scale_the_ratings_are() -> None:
    iemocap, casia = corpora.card("iemocap"), corpora.card("casia")
    assert iemocap is not None and casia is not None
    assert "of arousal, valence, dominance: 1 to 5" in stated_lines(iemocap)[-1]
    assert not any("scale" in line for line in stated_lines(casia))

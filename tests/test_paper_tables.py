"""The way from a corpus to the three tables of the VCEMO paper, by real DVC under its profile."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.clones import Clone, make_clone
from tests.projects import ROOT, add_corpus

pytestmark = pytest.mark.slow

UTTERANCES = 48
LABELS = ("angry", "fear", "happy", "neutral", "sad", "surprise")
# Some of the profile's runs, so that every table has one, and their folds.
RUNS = {"vcemo-4": 1, "supcon-6": 1, "cme-paper": 2}
TABLES = {
    "table1": {"4": {"vcemo": ["vcemo-4"]}, "6": {"supcon": ["supcon-6"]}},
    "table2": {"paper": {"cme": ["cme-paper"]}},
    "table3": {"4": {"all": ["vcemo-4"]}},
}
WORD_S = 0.04


@pytest.fixture
def project(tmp_path: Path) -> Clone:
    """The profile on a corpus of one's own, with few and small runs."""
    clone = make_clone(tmp_path / "paper")
    shutil.copytree(ROOT / "profiles", clone.root / "profiles")
    models = (
        "words.models={default: data/models/demo/words-en}",
        "bert.models={default: data/models/demo/bert}",
    )
    changes = ("demo.models.path=data/models/demo", "corpora={}", *models)
    clone.vcemo("profile", "use", "paper", *(part for c in changes for part in ("--set", c)))
    add_corpus(clone, "corpus", UTTERANCES)
    add_sessions_and_times(clone.root / "data" / "raw" / "corpus" / "metadata.csv")
    params = YAML(typ="safe").load(clone.root / "params.yaml")
    runs = {name: {**params["runs"][name], "seeds": [0]} for name in RUNS}
    brief = {
        run["preset"]: {**params["presets"][run["preset"]], "epochs": 1, "batch_size": 16}
        for run in runs.values()
    }
    clone.set(
        runs=runs,
        report__paper={"corpus": "other", **TABLES},
        presets=params["presets"] | brief,
        sizes__full=params["sizes"]["full"]
        | {"d": 16, "heads": 2, "ff": 16, "layers": 1, "conv_channels": [2, 4], "projection": 8},
        sizes__cme=params["sizes"]["cme"] | {"conv_channels": [8, 8], "hidden": 8},
    )
    return clone


def add_sessions_and_times(table: Path) -> None:
    """Give a table corpus two sessions, six emotions, and words with times."""
    rows = list(csv.DictReader(table.read_text().splitlines()))
    for number, row in enumerate(rows):
        words = row["transcript"].split()
        times = [[word, i * WORD_S, (i + 1) * WORD_S] for i, word in enumerate(words)]
        row |= {
            "label": LABELS[number % len(LABELS)],
            "session": str(number // len(LABELS) % 2),
            "words": json.dumps(times),
        }
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_repro_trains_the_runs_and_fills_the_tables_and_a_second_one_computes_nothing(
    project: Clone,
) -> None:
    done = project.repro()
    trained = {name: n for name, n in done.computed.items() if name.startswith("train@")}
    assert trained == {f"train@{run}": folds for run, folds in RUNS.items()}

    page = (project.root / "reports" / "index.html").read_text()
    _, *tables = page[page.index("<h3>Table 1") :].split("<h3>Table ")
    assert len(tables) == 3
    for number, table in enumerate(tables, 1):
        assert table.startswith(f"{number}: ")
        assert '<th class="number">other corpus</th>' in table
        assert '<th class="number">paper</th>' not in table

    printed = project.vcemo("report").stdout
    assert all(f"Table {number}:" in printed for number in (1, 2, 3))
    assert project.repro().ran == frozenset()

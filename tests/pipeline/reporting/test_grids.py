"""The section on robustness: conditions, pairs of corpora, fractions of labels."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline import layout
from pipeline.catalog import Catalog
from pipeline.params import ReportParams, RunParams
from pipeline.report import gather, write_report
from pipeline.reporting.grids import facts
from tests.pipeline.reporting.report_project import RUN, SETTINGS, make_project
from tests.pipeline.small_store import write_split

AUDIO = replace(RUN, seeds=(1,))


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    monkeypatch.chdir(tmp_path)
    return make_project()


def told(catalog: Catalog, runs: dict[str, RunParams], **settings: object) -> object:
    return facts(gather(catalog, runs, ReportParams((), {}), SETTINGS | settings))


def test_without_any_of_it_there_is_no_section(catalog: Catalog) -> None:
    assert told(catalog, {"all": RUN}) is None


def test_conditions_are_held_against_the_run_as_it_is(catalog: Catalog) -> None:
    clean = pq.read_table(layout.predictions("audio"))
    clean = clean.filter(pc.equal(clean["subset"], "test"))
    wrong = clean.set_column(
        clean.column_names.index("prediction"), "prediction", pa.array(["sad"] * len(clean))
    )
    parts = []
    for table, grid, level in ((clean, "noise", "30"), (wrong, "noise", "0")):
        for name, value in (("grid", grid), ("level", level)):
            table = table.append_column(name, pa.array([value] * len(table)))
        parts.append(table)
    layout.ROBUSTNESS.mkdir(parents=True)
    pq.write_table(pa.concat_tables(parts), layout.robustness("audio"))
    found = told(catalog, {"audio": AUDIO})
    [run] = found["runs"]
    quiet, loud = run["grids"]["noise"]
    assert (quiet.level, quiet.loss.scores["ua"].difference.value) == ("30 dB", 0)
    assert loud.scores.pooled["ua"].value == pytest.approx(1 / 3)
    assert loud.loss.mcnemar.only_a > 0
    write_report(catalog, {"audio": AUDIO}, ReportParams((), {}), SETTINGS)
    assert "White noise, by the level of speech above it" in layout.REPORT.read_text()


def test_a_fold_for_each_pair_of_corpora_is_a_matrix(catalog: Catalog) -> None:
    path = layout.run_report("all") / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"protocol": "corpus"}))
    rows = [
        (f"{corpus}/{i:02d}", fold, "test" if corpus == tested else "train")
        for fold, tested in enumerate(("two", "one"))
        for corpus in ("one", "two")
        for i in range(11)
    ]
    write_split(layout.split("speaker"), rows)
    table = pq.read_table(layout.predictions("all"))
    fold = pa.array([int(c == "one") for c in table["corpus"].to_pylist()], pa.int16())
    table = table.set_column(table.column_names.index("fold"), "fold", fold)
    table = table.filter(pc.equal(table["subset"], "test"))
    pq.write_table(table, layout.predictions("all"))
    [matrix] = told(catalog, {"all": RUN})["matrices"]
    assert matrix["names"] == ["one", "two"]
    assert {pair: found.utterances for pair, found in matrix["pairs"].items()} == {
        ("one", "two"): 11,
        ("two", "one"): 11,
    }


def test_runs_that_differ_in_their_share_of_labels_alone_are_a_curve(catalog: Catalog) -> None:
    speaker = {"protocol": "speaker", "seed": 0, "train_fraction": None}
    splits = {"speaker": speaker, "half": speaker | {"train_fraction": 0.5}}
    runs = {"all": RUN, "audio": replace(RUN, split="half")}
    [curve] = told(catalog, runs, splits=splits)["fractions"]
    assert [(share, run.name) for share, run in curve["runs"]] == [
        ("50 %", "audio"),
        ("100 %", "all"),
    ]
    other = {"all": RUN, "audio": replace(RUN, split="half", size="other")}
    assert told(catalog, other, splits=splits) is None

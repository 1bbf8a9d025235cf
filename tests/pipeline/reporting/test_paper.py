"""The paper's tables: our figures by hand, the paper's as printed, and its misprints marked."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from pipeline import layout, params
from pipeline.params import ParamsError, RunParams
from pipeline.query import PREDICTIONS
from pipeline.reporting.paper import make_tables, measure, printed_tables
from pipeline.reporting.paper_figures import PaperParams, paper_tables

ROOT = Path(__file__).parents[3]
CLASSES = ("angry", "sad")
RUN = RunParams("emotion4", "clean", "reference", ("audio", "words"), "xu", "xu-original", (0, 1))


def answer(run: str, right: dict[tuple[int, int], list[int]]) -> None:
    """Leave predictions: for each (seed, fold) how many of two angry and two sad are right."""
    rows = [
        {
            "run": run, "utt_id": f"{subset}{fold}{label}{i}", "fold": fold, "seed": seed,
            "subset": subset, "label": CLASSES[label],
            "prediction": CLASSES[label if i < hits[label] else 1 - label],
            "probabilities": [(c, 0.5) for c in CLASSES],
        }
        for (seed, fold), hits in right.items()
        for subset in ("test", "val")
        for label in range(2)
        for i in range(2 if subset == "test" else 9)
    ]  # fmt: skip
    layout.predictions(run).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, PREDICTIONS), layout.predictions(run))
    layout.run_report(run).mkdir(parents=True)
    told = {"recall": dict.fromkeys(CLASSES), "protocol": "session", "normalisation": "train"}
    (layout.run_report(run) / "metrics.json").write_text(json.dumps(told))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_score_is_the_mean_of_folds_and_spreads_over_seeds() -> None:
    answer("xu", {(0, 0): [2, 2], (0, 1): [1, 2], (1, 0): [2, 0], (1, 1): [0, 0]})
    ((wa, ua), seeds, folds, tested) = measure("xu", ("wa", "ua"))
    each = np.array([[100.0, 75.0], [50.0, 0.0]])  # [seed, fold]; validation takes no part
    assert (seeds, folds, tested) == (2, 2, (4, 4))
    assert wa == ua
    assert wa.mean == pytest.approx(each.mean())
    assert wa.seed_std == pytest.approx(np.std(each.mean(axis=1), ddof=1))
    assert wa.fold_std == pytest.approx(np.std(each.mean(axis=0), ddof=1))
    assert wa.pooled == pytest.approx(100 * 9 / 16)


def test_one_seed_and_one_fold_have_no_deviation() -> None:
    answer("xu", {(3, 0): [1, 2]})
    ((wa,), *_) = measure("xu", ("wa",))
    assert (wa.mean, wa.seed_std, wa.fold_std) == (75.0, None, None)


@pytest.mark.parametrize(
    ("corpus", "beside"),
    [("iemocap", "paper"), ("vcemo", "other corpus"), ("other", "other corpus")],
)
def test_the_papers_figures_are_compared_with_on_its_own_corpus_alone(
    corpus: str, beside: str
) -> None:
    answer("xu", {(0, 0): [2, 2]})
    told = PaperParams(corpus, {}, {"clean": {"xu": ("xu",)}}, {})  # type: ignore[arg-type]
    (table,) = make_tables(told, {"xu": RUN})
    assert table.beside == beside
    ((line,),) = table.columns.values()
    assert line.paper == (70.41, 69.52)
    assert line.how == "xu, xu-original"
    missing = "which is 5531 utterances" in table.warning and "xu on 4:" in table.warning
    assert missing == (beside == "paper")
    assert ("xu on 4:" in " ".join(shown(table).split())) == missing


def test_a_run_on_all_of_the_corpus_in_other_sessions_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer("xu", {(0, fold): [2, 2] for fold in range(5)})
    told = PaperParams("iemocap", {}, {"clean": {"xu": ("xu",)}}, {})
    known = paper_tables()["table2"].sessions
    assert known == (1085, 1023, 1151, 1031, 1241) and sum(known) == 5531
    for sessions, named in (((4,) * 5, False), ((5, 3, 4, 4, 4), True)):
        table2 = replace(paper_tables()["table2"], sessions=sessions)
        monkeypatch.setattr("pipeline.reporting.paper.paper_tables", lambda t=table2: {"table2": t})
        (table,) = make_tables(told, {"xu": RUN})
        assert ("xu on 20 (4 + 4 + 4 + 4 + 4): look" in table.warning) == named
        assert ("by session 20 (5 + 3 + 4 + 4 + 4)." in table.warning) == named


def test_a_misprint_is_shown_struck_out_beside_what_it_should_be() -> None:
    answer("xu", {(0, 0): [2, 2]})
    (table,) = make_tables(PaperParams("vcemo", {}, {}, {"4": {"all": ("xu",)}}), {"xu": RUN})
    ((line,),) = table.columns.values()
    assert line.printed == (69.52, 74.10)
    assert line.paper == paper_tables()["table1"].rows["vcemo"].beside("4")
    assert "Table 1 has 66.99" in line.misprint
    assert "misprinted in the paper as 69.52 and 74.10." in shown(table)


def shown(table: object) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=200)
    for printed in printed_tables([table]):  # type: ignore[list-item]
        console.print(printed)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_the_terminal_shows_ours_beside_the_papers() -> None:
    answer("xu", {(0, 0): [2, 2], (1, 0): [1, 2]})
    told = PaperParams("other", {}, {"paper": {"xu": ("xu",)}}, {})
    text = shown(make_tables(told, {"xu": RUN})[0])
    assert "87.50 ± 17.68" in text
    assert "optimistic" in text
    assert "other" in text
    assert "70.41" in text


def test_with_one_seed_the_terminal_shows_how_far_folds_lie_apart() -> None:
    answer("xu", {(0, 0): [2, 2], (0, 1): [1, 2]})
    told = PaperParams("other", {}, {"clean": {"xu": ("xu",)}}, {})
    assert "87.50 (folds ± 17.68)" in shown(make_tables(told, {"xu": RUN})[0])


def test_the_misprint_is_the_ua_of_the_second_table() -> None:
    tables = paper_tables()
    second, last = tables["table2"].rows, tables["table3"].rows["all"]
    ua = tables["table2"].scores.index("ua")
    assert last.printed == tuple(second[row].beside("clean")[ua] for row in ("xu", "supcon"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table1": {"5": {}}}, "table1 has no column '5', expected one of: 4, 6"),
        ({"table2": {"clean": {"umons": []}}}, "table2 has no row 'umons', expected one of: xu"),
        ({"table3": {"4": {"all": ["nobody"]}}}, "report.paper: found 'nobody', expected one"),
    ],
)
def test_a_cell_that_is_not_there_is_named(changes: dict[str, object], message: str) -> None:
    plain = YAML(typ="safe").load(ROOT / "profiles" / "paper.yaml")
    plain["report"]["paper"] |= changes
    with pytest.raises(ParamsError, match=message):
        params.read(plain, "p")


def test_the_profile_fills_every_cell_with_runs_of_its_kind_and_no_run_is_idle() -> None:
    found = params.load(ROOT / "profiles" / "paper.yaml")
    paper = found.report.paper
    assert paper is not None
    assert set(paper.runs) == set(found.runs)
    kinds = {"xu": "xu", "yoon": "yoon_mha", "umons": "umons", "cme": "cme"}
    for name, table in paper_tables().items():
        assert paper.of(name).keys() == table.columns.keys()
        for column, cells in paper.of(name).items():
            assert cells.keys() == table.rows.keys()
            for row, runs in cells.items():
                for run in (params.run_settings(found, r) for r in runs):
                    assert run.model.name == kinds.get(row, "vcemo")
                    assert (run.training.contrast is not None) == (row == "supcon")
                    if name == "table2":
                        assert run.split == column
                    else:
                        assert len(found.tasks[run.task].classes) == int(column)
                    if name == "table3" and row != "all":
                        assert set(row.split("_")) == set(run.modalities)


def without(lacking: str) -> params.Params:
    """The profile with what its head says to remove for a corpus that lacks something."""
    plain = YAML(typ="safe").load(ROOT / "profiles" / "paper.yaml")
    runs, paper = plain["runs"], plain["report"]["paper"]
    if lacking == "sessions":
        del plain["splits"]["clean"], plain["splits"]["paper"]
        gone = {
            name for cells in paper["table2"].values() for row in cells.values() for name in row
        }
        paper["table2"] = {}
    elif lacking == "fear or surprise":
        del plain["tasks"]["emotion6"], paper["table1"][6]
        gone = {name for name in runs if "-6" in name}
    else:
        for column in paper["table2"].values():
            del column["cme"]
        gone = {name for name in runs if name.startswith("cme-")}
    plain["runs"] = {name: run for name, run in runs.items() if name not in gone}
    assert f"#   {lacking} " in (ROOT / "profiles" / "paper.yaml").read_text()
    return params.read(plain, lacking)


def test_without_sessions_no_split_needs_them() -> None:
    left = without("sessions")
    assert {split.protocol for split in left.splits.values()} == {"random"}
    assert {run.split for run in left.runs.values()} == {"random"}


def test_without_fear_or_surprise_no_task_has_them() -> None:
    left = without("fear or surprise")
    emotions = {e for task in left.tasks.values() for e in task.task.index}
    assert emotions == {"angry", "happy", "excited", "neutral", "sad"}
    assert {run.task for run in left.runs.values()} == {"emotion4"}


def test_without_times_of_words_no_model_reads_them() -> None:
    left = without("times of words")
    assert "cme" not in {left.sizes[run.size].name for run in left.runs.values()}


@pytest.mark.parametrize("lacking", ["sessions", "fear or surprise", "times of words"])
def test_what_is_left_of_the_profile_still_fills_its_tables(lacking: str) -> None:
    left = without(lacking)
    assert left.report.paper is not None
    assert set(left.report.paper.runs) == set(left.runs)

"""Laws of the report and of the pictures in it."""

import contextlib
import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline import layout
from pipeline.catalog import Catalog
from pipeline.evaluation.bootstrap import Estimate
from pipeline.params import Bounds, ReportParams
from pipeline.query import connect
from pipeline.report import metrics_table, write_report
from pipeline.reporting.expectations import check_expectations
from pipeline.reporting.facts import read_metrics, split_facts
from pipeline.reporting.plots import confusion, curves, plot_run
from tests.pipeline.reporting.report_project import CLASSES, NOTE, RUN, SETTINGS, make_project
from tests.pipeline.small_store import simple_split, with_params, write_split


@pytest.fixture(scope="module")
def model_project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Catalog]:
    """A project folder with a store, a split and two evaluated runs."""
    root = tmp_path_factory.mktemp("report")
    with contextlib.chdir(root):
        return root, make_project()


@pytest.fixture
def project(
    model_project: tuple[Path, Catalog], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Catalog:
    """A copy of it for one test, as the current directory."""
    shutil.copytree(model_project[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return model_project[1]


def written(catalog: Catalog, expect: dict[str, Bounds] | None = None) -> tuple[str, list[str]]:
    runs = {"all": RUN, "audio": replace(RUN, seeds=(1,))}
    violations = write_report(catalog, runs, ReportParams((NOTE,), expect or {}), SETTINGS)
    return layout.REPORT.read_text(encoding="utf-8"), violations


def flat(page: str) -> str:
    return re.sub(r"\s+", " ", page)


class Outward(HTMLParser):
    """Collects what a page would fetch, and checks that tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [v or "" for k, v in attrs if k in ("src", "href")]
        if tag not in ("meta", "img", "link", "br"):  # void; SVG closes its own
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()


def test_the_page_is_whole_and_fetches_nothing(project: Catalog) -> None:
    page, _ = written(project)
    parser = Outward()
    parser.feed(page)
    assert parser.open == []
    assert all(x.startswith(("data:", "#")) for x in parser.links)
    assert not re.search(r"https?://|@import|<script [^>]*src|url\((?!#)", page)
    assert "default-src 'none'" in page


def test_ids_are_unique_and_what_is_referred_to_is_there(project: Catalog) -> None:
    page, _ = written(project)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'(?:href="#|url\(#)([^")]+)', page))
    assert wanted and wanted <= set(ids)


def test_drawings_take_the_colours_of_the_page(project: Catalog) -> None:
    page, _ = written(project)
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--blue)" in drawings
    assert set(re.findall(r"#[0-9a-f]{6}\b(?!\))", drawings)) <= set()


def test_the_page_says_what_there_is(project: Catalog) -> None:
    page, _ = written(project)
    assert "A &lt;synthetic&gt; corpus &amp; untrained encoders." in page
    assert "1 empty, 2 silent" in page
    assert "name tiny, revision abc" in page
    assert "n_mels" in page and "enormous" not in page and "unused" not in page
    assert "no utterance, recording or augmented view is on both sides" in page
    assert "of a fold.</span> None of the 4 test speakers is heard in training. " in flat(page)


def test_the_page_names_the_normalisation_and_warns_where_it_harms(project: Catalog) -> None:
    path = layout.run_report("all") / "metrics.json"
    metrics = json.loads(path.read_text())
    warned = {**metrics, "normalisation": "speaker", "warnings": ["it hides their emotion"]}
    path.write_text(json.dumps(warned))
    page, _ = written(project)
    assert "normalised by speaker" in page and "normalised by train" in page
    assert "all: it hides their emotion." in page
    path.write_text(json.dumps({**metrics, "normalisation": None}))
    page, _ = written(project)
    assert "it hides" not in page and "normalised by None" not in page


def test_the_page_tells_how_many_networks_answer_together(project: Catalog) -> None:
    page, _ = written(project)
    assert (
        '2 seeds</span><span class="interval">3 networks together' in page
        and "1, 2 of 3 networks each" in page
    )
    for name in ("all", "audio"):
        path = layout.run_report(name) / "metrics.json"
        older = json.loads(path.read_text())
        del older["members"]
        path.write_text(json.dumps(older))
    page, _ = written(project)
    assert "networks" not in page


def test_test_utterances_without_an_answer_are_told(project: Catalog) -> None:
    """The last utterance of a corpus is of no class of the task and is not asked for."""
    assert not re.search(r"all: \d+ utterances of the test part", written(project)[0])
    path = layout.predictions("all")
    table = pq.read_table(path)
    lost = pc.and_(pc.equal(table["utt_id"], "two/04"), pc.equal(table["seed"], 2))
    pq.write_table(table.filter(pc.invert(lost)), path)
    page, _ = written(project)
    assert "all: 1 utterances of the test part lack an answer" in page
    assert "first: two/04; run" in page


def test_the_same_results_give_the_same_bytes(project: Catalog) -> None:
    first, _ = written(project)
    pictures = [p.read_bytes() for p in sorted(layout.REPORTS.glob("*/*.png"))]
    for run in ("all", "audio"):
        plot_run(layout.run_report(run))
    assert [p.read_bytes() for p in sorted(layout.REPORTS.glob("*/*.png"))] == pictures
    assert written(project)[0] == first
    assert str(Path.cwd()) not in first


def test_expectations_are_checked_on_both_sides(project: Catalog) -> None:
    metrics = {run: {"ua": Estimate(0.7)} for run in ("all", "audio")}
    expect = {"all": Bounds(ua_min=0.9), "audio": Bounds(ua_min=0.7, ua_max=0.65)}
    told = check_expectations(expect, metrics)
    assert told == [
        "all: UA is 0.700, expected at least 0.9",
        "audio: UA is 0.700, expected at most 0.65",
    ]
    page, violations = written(project, {"all": Bounds(ua_min=0.999)})
    assert len(violations) == 1 and violations[0] in page
    page, violations = written(project, {"all": Bounds(ua_min=0.1)})
    assert not violations and "the one bound" in page


def test_a_run_without_metrics_names_the_stage(project: Catalog) -> None:
    with pytest.raises(FileNotFoundError, match="dvc repro evaluate@new"):
        write_report(project, {"new": RUN}, ReportParams((), {}), SETTINGS)


def test_a_report_without_runs_still_describes_the_corpora(project: Catalog) -> None:
    write_report(project, {}, ReportParams((), {}), {})
    assert "The parameters name no runs" in layout.REPORT.read_text()


def test_console_table_has_a_row_per_run(project: Catalog) -> None:
    from rich.console import Console

    console = Console(width=120, file=io.StringIO())
    console.print(metrics_table({name: read_metrics(name) for name in ("all", "audio")}))
    text = console.file.getvalue()
    assert "audio bert" in text and "UA" in text and "44" in text and "22" in text
    assert "norm." in text and "train" in text and "nets" in text


def test_what_a_split_shares_is_counted(project: Catalog) -> None:
    rows = [(f"one/{i:02d}", 0, "train" if i < 9 else "test") for i in range(12)]
    files = {
        "leaky": write_split(layout.split("leaky"), [*rows, ("one/00", 0, "test")]),
        "fair": simple_split(layout.split("fair")),
    }
    connection = connect(project, files, {}, {})
    leaky = split_facts(connection, "leaky", "random")
    assert (leaky.tested, leaky.on_both_sides) == (4, 1)
    assert (leaky.speakers, leaky.shared_speakers) == (4, 4)
    fair = split_facts(connection, "fair", "speaker")
    assert (fair.folds, fair.on_both_sides) == (2, 0)
    assert (fair.speakers, fair.shared_speakers) == (2, 0)
    assert 0 < fair.shared_texts <= fair.texts


def cut_into_files(catalog: Catalog, seconds: float) -> None:
    """Make the utterances of a corpus segments of files, two per file, that begin 1 s apart."""
    [path] = (Path(p) for p in catalog["one"]["manifest"].shards)
    table = pq.read_table(path, partitioning=None)
    starts = [float(i % 2) for i in range(len(table))]
    values = {
        "path": [f"{i // 2}.wav" for i in range(len(table))],
        "start_s": starts,
        "end_s": [start + seconds for start in starts],
    }
    for name, column in values.items():
        field = table.schema.field(name)
        table = table.set_column(
            table.column_names.index(name), field, [pa.array(column, field.type)]
        )
    pq.write_table(table, path)


@pytest.mark.parametrize(("seconds", "facts"), [(1.0, (0, 1, 1)), (1.5, (1, 0, 0))])
def test_files_that_both_sides_are_cut_from_are_counted(
    project: Catalog, seconds: float, facts: tuple[int, int, int]
) -> None:
    """Of the tested utterances the first is in the file of the last one trained on."""
    cut_into_files(project, seconds)
    rows = [(f"one/{i:02d}", 0, "train" if i < 9 else "test") for i in range(12)]
    files = {"random": write_split(layout.split("random"), rows)}
    found = split_facts(connect(project, files, {}, {}), "random", "random")
    assert (found.on_both_sides, found.cut_from_shared, found.shared_files) == facts


def test_the_page_tells_of_files_that_both_sides_are_cut_from(project: Catalog) -> None:
    cut_into_files(project, 1.0)
    page = flat(written(project)[0])
    assert "no utterance, recording or augmented view" not in page
    assert "no utterance, stretch of a recording or augmented view is on both sides" in page
    assert "test utterances are cut from a file of which training hears other parts" in page
    cut_into_files(project, 1.5)
    page = flat(written(project)[0])
    assert "also heard, whole or in part, in the training" in page


def test_confusion_counts_every_answer(project: Catalog) -> None:
    counts = confusion(layout.run_report("all") / "confusion.csv", list(CLASSES))
    assert counts.sum() == 44 and counts.sum(axis=1).tolist() == [16, 16, 12]
    recall = read_metrics("all")["recall"]
    assert np.allclose(counts.diagonal() / [16, 16, 12], [recall[c] for c in CLASSES])


def test_curves_of_different_length_are_kept_apart(project: Catalog) -> None:
    found = curves(layout.run_report("all") / "curves.csv")
    assert sorted(len(c) for c in found["val_ua"]) == [5, 5, 6, 6]


def test_a_class_never_tested_is_drawn_and_told(project: Catalog) -> None:
    rows = pq.read_table(layout.predictions("all"))
    kept = [label != "sad" for label in rows["label"].to_pylist()]
    pq.write_table(rows.filter(pa.array(kept)), layout.predictions("all"))
    assert "the class is not tested" in written(project)[0]


def test_scores_come_from_the_predictions_and_not_from_metrics_json(project: Catalog) -> None:
    path = layout.run_report("all") / "metrics.json"
    told = json.loads(path.read_text())
    first = written(project)[0]
    path.write_text(json.dumps(told | {"pooled": dict.fromkeys(told["pooled"], 0.123)}))
    assert written(project)[0] == first


def test_a_run_without_predictions_names_the_stage(project: Catalog) -> None:
    layout.predictions("all").unlink()
    with pytest.raises(FileNotFoundError, match="dvc repro evaluate@all"):
        written(project)


def test_params_of_one_entry_do_not_change_the_page(project: Catalog) -> None:
    first, _ = written(project)
    assert written(with_params(project, "one", "mel", {"n_mels": 1}))[0] == first


def test_predictions_of_another_task_are_refused(project: Catalog) -> None:
    tasks = {"tasks": {"toy": {"classes": {"angry": ("angry",), "calm": ("calm",)}}}}
    with pytest.raises(ValueError, match="tell apart angry, happy, sad; its task 'toy' in params"):
        write_report(project, {"all": RUN}, ReportParams((), {}), SETTINGS | tasks)

"""What the report tells of runs that learned dimensions, alone or beside classes."""

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline import layout
from pipeline.catalog import Catalog
from pipeline.params import ReportParams
from pipeline.report import gather, write_report
from pipeline.reporting import groups, runs
from pipeline.reporting.charts import RATING_CELLS, ratings_chart
from pipeline.reporting.context import Context
from tests.pipeline.reporting.report_project import RUN, SETTINGS, leave_ratings, make_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Catalog]:
    """A project folder with a run of classes and one of dimensions alone."""
    root = tmp_path_factory.mktemp("rated")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        catalog = make_project()
        leave_ratings("ratings", 2, (1, 2))
    return root, catalog


@pytest.fixture
def context(project: tuple[Path, Catalog], monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.chdir(project[0])
    return gather(project[1], {"ratings": RUN, "all": RUN}, ReportParams((), {}), SETTINGS)


def test_a_run_of_dimensions_alone_has_a_card_with_its_curve(context: Context) -> None:
    facts = runs.details(context)
    cards = {card["name"]: card for card in facts["runs"]}
    assert cards.keys() == {"all", "ratings"}
    rated, classes = cards["ratings"], cards["all"]
    assert rated["scores"] is None and rated["answered"] is None
    assert "Learning curves of run ratings" in rated["curves"] and "CCC" in rated["curves"]
    assert "arousal" in rated["ratings"] and "valence" in rated["ratings"]
    assert [t["of"] + t["part"] for t in rated["parts"]] == [
        "arousal: fold", "arousal: seed", "valence: fold", "valence: seed"
    ]  # fmt: skip
    assert classes["ratings"] is None
    assert [t["part"] for t in classes["parts"]] == ["fold", "seed"]


def test_dimensions_are_grouped_like_classes(context: Context) -> None:
    by_run = {run["name"]: run["learned"] for run in groups.facts(context)["runs"]}
    assert [part.learned for part in by_run["all"]] == ["classes"]
    assert [part.learned for part in by_run["ratings"]] == ["arousal", "valence"]
    arousal = {g.column: g for g in by_run["ratings"][0].groupings}
    assert arousal.keys() == {"corpus", "duration", "speaker"}
    assert [g.utterances for g in arousal["corpus"].groups] == [11, 11]
    assert list(arousal["corpus"].gaps) == ["ccc", "pcc", "mae"]


def test_the_page_has_the_cards_and_groups(
    project: tuple[Path, Catalog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project[0])
    write_report(project[1], {"ratings": RUN}, ReportParams((), {}), SETTINGS)
    page = layout.REPORT.read_text(encoding="utf-8")
    assert 'id="run-ratings"' in page and 'href="#run-ratings"' in page
    card, grouped = (
        re.search(f'<section id="{name}">.*?</section>', page, re.DOTALL)[0]
        for name in ("runs", "groups")
    )
    assert "What was answered" not in card and "Answers of run ratings against ratings" in card
    assert "<h4>arousal</h4>" in grouped and grouped.count("<details open>") == 1
    assert grouped.count('<span class="small">small</span></td>') == 2 * (2 + 2 + 8)
    assert "fewer than two groups of 20 utterances or more have this score</td>" in grouped


def test_many_answers_are_few_dots(context: Context) -> None:
    [arousal, _] = context.rated[0].answers
    many = np.arange(len(arousal.utterance)).repeat(1000)
    chart = ratings_chart("x", [arousal.where(many)])
    assert len(chart) < 200 * RATING_CELLS**2
    assert len(re.findall("<use", chart)) == len(re.findall("<use", ratings_chart("x", [arousal])))


def test_a_dimension_without_a_single_rating_leaves_an_empty_panel(context: Context) -> None:
    [arousal, _] = context.rated[0].answers
    none = arousal.where(np.zeros(len(arousal.utterance), bool))
    assert "arousal" in ratings_chart("x", [none])


def test_a_column_of_too_many_values_is_named_and_breaks_nothing(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the speakers of a large corpus; here of 8 of them."""
    monkeypatch.setattr("pipeline.evaluation.groups.MAX_GROUPS", 7)
    for run in groups.facts(context)["runs"]:
        for part in run["learned"]:
            assert part.too_many == ("speaker",)
            assert {g.column for g in part.groupings} == {"corpus", "duration"}

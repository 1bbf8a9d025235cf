"""What a run left unanswered of the test part of its split is told with its scores."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline import layout
from pipeline.evaluation.comparisons import compare_named
from pipeline.evaluation.scoring import score_named
from pipeline.files import write_json
from tests.pipeline.reporting.report_project import make_project
from tests.pipeline.small_store import write_split


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two corpora, and a run that answered all that its split tests."""
    monkeypatch.chdir(tmp_path)
    catalog = make_project()
    plain = {c: {f: e.__dict__ for f, e in features.items()} for c, features in catalog.items()}
    write_json(layout.CATALOG, {"corpora": plain})
    layout.PARAMS.write_text(
        "tasks: {toy: {classes: {angry: [angry], happy: [happy], sad: [sad]}}}"
    )
    asked = sorted(set(answers("audio")["utt_id"].to_pylist()))
    write_split(layout.split("speaker"), [(utt_id, 0, "test") for utt_id in asked])


def split() -> pa.Table:
    return pq.read_table(layout.split("speaker"), partitioning=None)


def answers(run: str) -> pa.Table:
    return pq.read_table(layout.predictions(run), partitioning=None)


def forget(run: str, *utt_ids: str) -> None:
    known = answers(run)
    pq.write_table(
        known.filter(pc.invert(pc.is_in(known["utt_id"], pa.array(utt_ids)))),
        layout.predictions(run),
    )


def warnings(run: str) -> tuple[str, ...]:
    [scored] = score_named(run, None, [run])
    return scored.warnings


@pytest.mark.usefixtures("project")
def test_utterances_without_an_answer_are_counted_and_named() -> None:
    assert warnings("audio") == ()
    forget("audio", "one/01", "two/04")
    [told] = warnings("audio")
    assert "2 utterances of the test part lack an answer" in told
    assert "first: one/01, two/04; run `dvc repro evaluate@audio`" in told


@pytest.mark.usefixtures("project")
def test_what_is_missing_on_both_sides_of_a_comparison_is_told_of_each() -> None:
    forget("audio", "one/01")
    pq.write_table(answers("audio"), layout.predictions("words"))
    facts = layout.run_report("words") / "metrics.json"
    facts.parent.mkdir()
    facts.write_text((layout.run_report("audio") / "metrics.json").read_text())
    [found] = compare_named("audio", "words", None, ["audio", "words"])
    assert [told.partition(" utterances")[0] for told in found.warnings] == ["A: 1", "B: 1"]


@pytest.mark.usefixtures("project")
def test_a_seed_without_any_answer_is_missing() -> None:
    path = layout.run_report("audio") / "metrics.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"seeds": [1, 2]}))
    assert f"{len(split())} utterances of the test part" in warnings("audio")[0]


@pytest.mark.usefixtures("project")
def test_without_the_split_it_is_said_that_nobody_can_tell() -> None:
    layout.split("speaker").unlink()
    [told] = warnings("audio")
    assert "cannot be told (workspace: data/splits/speaker.parquet is not there)" in told

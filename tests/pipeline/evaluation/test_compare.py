"""Comparisons of runs and of commits, with real git and DVC."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import binomtest

from pipeline import layout
from pipeline.evaluation.answers import Answers, AnswersError, read_answers
from pipeline.evaluation.compare import ComparisonError, compare
from pipeline.evaluation.comparisons import compare_named
from pipeline.evaluation.revisions import RevisionError, snapshot
from pipeline.evaluation.scoring import score_named
from pipeline.query import PREDICTIONS
from pipeline.reporting.comparison import render
from pipeline.reporting.scores import render as render_scores
from tests.pipeline.evaluation.made_answers import (
    connection_of,
    prediction_rows,
    random_digits,
    utterance_rows,
)


def connection(rows: list[dict[str, Any]]) -> Any:
    return connection_of(rows, utterance_rows(1))


def made(truth: str, answer: str, **more: Any) -> Answers:
    return read_answers(connection(prediction_rows(truth, answer, **more)), "all")


def test_a_run_is_no_better_than_itself() -> None:
    same = made(*random_digits(100))
    found = compare(same, same)
    assert all(d.difference.value == 0 for d in found.scores.values())
    assert found.changes == () and found.by_speaker == ()
    assert found.mcnemar.p is None and "same utterances" in found.mcnemar.why


def test_the_difference_turns_its_sign_with_the_sides() -> None:
    truth, answer = random_digits(100)
    a, b = made(truth, answer), made(truth, random_digits(100, seed=5)[1])
    there, back = compare(a, b), compare(b, a)
    for name, found in there.scores.items():
        assert found.difference.value == pytest.approx(-back.scores[name].difference.value)
    assert (there.mcnemar.only_a, there.mcnemar.only_b) == (
        back.mcnemar.only_b,
        back.mcnemar.only_a,
    )


def test_what_changed_is_told_by_utterance_class_and_speaker() -> None:
    found = compare(made("00112233", "00112230"), made("00112233", "01112233", speakers=4))
    verdicts = {c.utt_id: (c.label, c.a, c.b, c.verdict) for c in found.changes}
    assert verdicts == {
        "one/0001": ("angry", "angry", "happy", "lost"),
        "one/0007": ("sad", "angry", "sad", "won"),
    }
    assert [(p.name, p.won, p.lost) for p in found.by_class] == [
        ("angry", 0, 1), ("happy", 0, 0), ("neutral", 0, 0), ("sad", 1, 0),
    ]  # fmt: skip
    assert [(p.name, p.won, p.lost) for p in found.by_speaker] == [
        ("one/s1", 0, 1),
        ("one/s2", 1, 0),
    ]


def test_mcnemar_is_the_exact_binomial() -> None:
    found = compare(made("0" * 20, "0" * 8 + "1" * 12), made("0" * 20, "1" * 2 + "0" * 18))
    assert (found.mcnemar.only_a, found.mcnemar.only_b) == (2, 12)
    assert found.mcnemar.p == pytest.approx(binomtest(2, 14).pvalue)


def test_a_pair_of_similar_runs_is_told_apart_better_than_two_independent_ones() -> None:
    truth, answer = random_digits(400)
    better = "".join(
        t if i % 10 == 0 else a for i, (t, a) in enumerate(zip(truth, answer, strict=True))
    )
    found = compare(made(truth, answer, speakers=40), made(truth, better, speakers=40))
    paired = found.scores["wa"].difference
    assert paired.interval is not None and 0 < paired.interval.low < paired.interval.high < 0.1


def test_several_seeds_count_by_their_most_probable_class() -> None:
    one = made("01", "01")
    rows = prediction_rows("01", "01", sure=0.9) + prediction_rows("01", "10", seed=1, sure=0.6)
    found = compare(one, read_answers(connection(rows), "all"))
    assert found.averaged and found.changes == ()
    assert found.scores["wa"].b == 0.5


def test_classes_in_another_order_are_the_same_task() -> None:
    truth, answer = random_digits(60)
    turned = str.maketrans("0123", "3210")
    other = made(
        truth.translate(turned),
        answer.translate(turned),
        classes=("sad", "neutral", "happy", "angry"),
    )
    assert compare(made(truth, answer), other).changes == ()


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            lambda: made("0011", "0011", classes=("a", "b", "c", "d")),
            "different tasks: A tells apart",
        ),
        (
            lambda: made("001", "001"),
            r"different test sets: 1 of 4 utterances are in A alone \(one/0003",
        ),
        (lambda: made("0010", "0010"), "different labels: 1 of 4 .* first: one/0003"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(
    other: Callable[[], Answers], told: str
) -> None:
    with pytest.raises(ComparisonError, match=told):
        compare(made("0011", "0011"), other())


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def dvc(*arguments: str) -> None:
    subprocess.run(
        [Path(sys.executable).with_name("dvc"), *arguments], check=True, capture_output=True
    )


NORMALISED = {"all": "speaker", "words": None, "other": "train"}
MEMBERS = {"all": 3, "words": None, "other": 1}  # None: of before there were several


def leave(run: str, truth: str, answer: str, task: str = "emotion4") -> None:
    path = layout.predictions(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(prediction_rows(truth, answer, run=run), PREDICTIONS), path)
    dvc("add", str(path))
    facts = layout.run_report(run) / "metrics.json"
    facts.parent.mkdir(parents=True, exist_ok=True)
    told = {"task": task, "normalisation": NORMALISED[run], "members": MEMBERS[run]}
    facts.write_text(json.dumps({name: value for name, value in told.items() if value}))
    git("add", "--all")
    git("commit", "--quiet", "--message", answer)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three commits: a first run; the run made better, tagged; and another run beside it."""
    root = tmp_path_factory.mktemp("history")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for who in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{who}_NAME", "Test")
            patch.setenv(f"GIT_{who}_EMAIL", "test@example.org")
        git("init", "--quiet")
        dvc("init", "--quiet")
        dvc("config", "core.analytics", "false")
        leave("all", "01230123", "01200120")
        leave("all", "01230123", "01230120")
        git("tag", "better")
        leave("words", "01230123", "00000000")
        leave("other", "01230123", "01230123", task="arousal2")
    return root


@pytest.fixture
def there(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(history)


def state(root: Path) -> dict[str, bytes]:
    kept = (p for p in root.rglob("*") if p.is_file() and not {".git", ".dvc"} & set(p.parts))
    return {str(p): p.read_bytes() for p in kept}


@pytest.mark.usefixtures("there")
def test_commits_are_compared_without_touching_the_working_tree(history: Path) -> None:
    layout.predictions("words").write_bytes(b"being written")
    before = state(history)
    [found] = compare_named("better~1", "better", None, [])
    assert (str(found.a), str(found.b)) == ("better~1:all", "better:all")
    assert [(c.utt_id, c.verdict) for c in found.found.changes] == [("one/0003", "won")]
    assert state(history) == before


@pytest.mark.usefixtures("there")
def test_a_commit_is_compared_with_what_is_here_and_a_run_with_another() -> None:
    [found] = compare_named("better~1", "all", None, ["all", "words"])
    assert (found.a.commit != "", found.b.commit) == (True, "")
    assert found.found.mcnemar.only_b == 1
    [found] = compare_named("better:all", "HEAD~1:words", None, [])
    assert found.found.scores["wa"].b == 0.25
    assert [c.run for c in (found.a, found.b)] == ["all", "words"]


@pytest.mark.usefixtures("there")
def test_scores_of_an_old_commit() -> None:
    [old], [new] = (score_named(name, None, []) for name in ("better~1", "better"))
    assert old.classes and new.classes
    values = [scored.classes.scores.pooled["wa"].value for scored in (old, new)]
    assert values == [0.75, 0.875]
    assert "no validation part apart" in old.classes.calibration.why
    [told] = json.loads(render_scores([new], as_json=True))
    assert told["risk_coverage"][-1] == {"coverage": 1.0, "accuracy": 0.875, "risk": 0.125}
    assert told["scores"]["folds"]["0"]["wa"]["value"] == 0.875


@pytest.mark.usefixtures("there")
def test_that_unanswered_utterances_cannot_be_told_is_said() -> None:
    """These commits have no params.yaml and no split."""
    [compared] = compare_named("better~1", "better", None, [])
    assert [told[:2] for told in compared.warnings] == ["A:", "B:"]
    for form in ("text", "markdown", "json"):
        assert "cannot be told" in render([compared], form, everything=False)
    [scored] = score_named("better", None, [])
    assert "cannot be told" in scored.warnings[0]
    assert "warning: better:all: whether every" in render_scores([scored], as_json=False)


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("sides", "error", "told"),
    [
        (("better", "nowhere"), RevisionError, "'nowhere': no run of params.yaml, and no revision"),
        (("better:gone", "HEAD:all"), RevisionError, "no predictions of run 'gone'; found all"),
        (("better~1", "HEAD:words"), RevisionError, "no predictions of run 'words'; found all"),
        (("HEAD:all", "HEAD:other"), ComparisonError, "A is of 'emotion4', B of 'arousal2'"),
    ],
)
def test_a_side_that_is_not_there_is_told(
    sides: tuple[str, str], error: type[ValueError], told: str
) -> None:
    with pytest.raises(error, match=told):
        compare_named(*sides, None, [])


@pytest.fixture
def clone(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git clone: without the content that DVC keeps."""
    root = tmp_path / "clone"
    git("clone", "--quiet", str(history), str(root))
    monkeypatch.chdir(root)
    return root


def test_content_that_was_never_kept_names_the_command(clone: Path) -> None:
    with pytest.raises(RevisionError, match="dvc fetch"):
        snapshot("better").table(layout.predictions("all"))


def test_a_commit_without_predictions_says_so(clone: Path) -> None:
    git("rm", "--quiet", "-r", "data")
    author = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    git(*author, "commit", "--quiet", "--message", "nothing")
    with pytest.raises(RevisionError, match="no run is on both sides: HEAD has no predictions"):
        compare_named("HEAD", "better", None, [])


def test_a_dvc_experiment_is_a_revision(history: Path, clone: Path) -> None:
    shutil.rmtree(clone / ".dvc")
    shutil.copytree(history / ".dvc", clone / ".dvc")
    rows = prediction_rows("01230123", "00000123", run="all")
    dvc("checkout")
    layout.predictions("all").unlink()
    pq.write_table(pa.Table.from_pylist(rows, PREDICTIONS), layout.predictions("all"))
    dvc("add", str(layout.predictions("all")))
    dvc("exp", "save", "--name", "bold")
    git("checkout", "--quiet", "--force", "HEAD")
    [found] = compare_named("HEAD:all", "bold:all", None, [])
    assert (found.found.mcnemar.only_a, found.found.mcnemar.only_b) == (3, 1)


@pytest.mark.usefixtures("there")
def test_the_three_forms_say_the_same() -> None:
    found = compare_named("better~1", "better", None, [])
    text, markdown = (render(found, form, everything=False) for form in ("text", "markdown"))
    [plain] = json.loads(render(found, "json", everything=False))
    assert plain["found"]["scores"]["wa"]["difference"]["value"] == pytest.approx(0.125)
    assert "+0.125" in text and "+0.125" in markdown
    assert "1 won, 0 lost" in text and "1 won, 0 lost" in markdown
    assert "| one/0003 | one/s3 | sad | angry | sad | won |" in markdown
    assert markdown.count("<details>") == markdown.count("</details>") == 3


@pytest.mark.usefixtures("there")
def test_the_normalisation_is_named_beside_the_scores() -> None:
    for b, told in (
        ("better:all", "Both are normalised by speaker."),
        ("HEAD:words", "A speaker, B –"),
    ):
        found = compare_named("better~1:all", b, None, [])
        assert all(told in render(found, form, everything=False) for form in ("text", "markdown"))
    [plain] = json.loads(render(found, "json", everything=False))
    assert [plain[side]["normalisation"] for side in ("a", "b")] == ["speaker", None]
    scored = score_named("better", None, [])
    assert "normalised by speaker" in render_scores(scored, as_json=False)
    assert json.loads(render_scores(scored, as_json=True))[0]["normalisation"] == "speaker"


@pytest.mark.usefixtures("there")
def test_it_is_told_how_many_networks_answer_together() -> None:
    found = compare_named("better:all", "HEAD:words", None, [])
    for form in ("text", "markdown"):
        text = render(found, form, everything=False)
        assert "Networks that answer together: A 3, B 1." in text
    scored = score_named("better:all", None, [])
    assert "3 networks together" in render_scores(scored, as_json=False)


def test_predictions_of_another_shape_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    layout.PREDICTIONS.mkdir(parents=True)
    pq.write_table(pa.table({"run": ["all"], "utt_id": ["a"]}), layout.predictions("all"))
    with pytest.raises(AnswersError, match="they lack corpus, fold, label, prediction"):
        compare_named("all", "all", None, ["all"])

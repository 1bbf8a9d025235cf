"""The stage asr on sounds that a tiny Whisper knows by heart: its rows, keys and refusals."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from pipeline import params, recognition, stages
from pipeline.catalog import Entry, read_entry
from pipeline.corpus import Corpus
from pipeline.demo.models import make_models
from pipeline.devices import Speed
from pipeline.query import connect
from pipeline.report import _template
from pipeline.reporting import texts
from pipeline.reporting.context import Context
from tests.features.test_asr import NO_DOUBT, PARAMS
from tests.projects import Project, make_project
from tests.tiny_models import SENTENCES, chord, language_of

WORDS = [["I", 0.1, 0.4], ["am", 0.4, 1.0]]
ALONE = 1  # workers


def source(**changes: Any) -> dict[str, Any]:
    """An ASR setting as params.yaml has it."""
    plain = asdict(PARAMS) | {"model": "data/models/fitted", "language": "corpus"} | changes
    return json.loads(json.dumps(plain))  # tuples as lists


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, fitted_whisper: Path) -> Project:
    """A corpus of the six chords, silence and a long sound, with the words of one aligned."""
    project = make_project(tmp_path_factory.mktemp("asr") / "project")
    folder = project.root / "data" / "raw" / "c"
    folder.mkdir(parents=True)
    long = np.concatenate([chord(0), 0.1 * np.random.default_rng(0).standard_normal(40 * 16000)])
    lines = []
    for number, sentence in enumerate([*SENTENCES, "", SENTENCES[0]]):
        sound = chord(number) if number < 6 else np.full(8000, 1e-2) if number == 6 else long
        soundfile.write(folder / f"{number}.wav", sound, 16000, subtype="FLOAT")
        told = {"path": f"{number}.wav", "transcript": sentence, "language": language_of(sentence)}
        lines.append(json.dumps(told | ({"words": WORDS} if number == 3 else {})))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.copytree(fitted_whisper, project.root / "data" / "models" / "fitted")
    corpus = {"reader": "table", "path": "data/raw/c"}
    project.set(corpora={"c": corpus}, asr__sources={"tiny": source(word_times=True)})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        corpus_ = Corpus.named("c", params.load())
        stages.run_manifest(corpus_, ALONE)
        assert stages.run("asr", corpus_, ALONE).computed == 8 + 6  # one reference twice
    return project


@pytest.fixture
def here(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    copy = Project(tmp_path / "copy")
    shutil.copytree(made.root, copy.root)
    monkeypatch.chdir(copy.root)
    return copy


def run(workers: int = ALONE, speed: Speed | None = None) -> stages.Summary:
    return stages.run("asr", Corpus.named("c", params.load(), speed or Speed()), workers)


def rows(of: str) -> list[dict[str, Any]]:
    """The transcripts of a source by utterance."""
    names = ["utt_id", "source", *stages.transcripts.PAYLOAD.names]
    table = Corpus.named("c", params.load()).rows("transcripts", *names)
    return [row for row in table.sort_by("utt_id").to_pylist() if row["source"] == of]


def test_every_sentence_is_heard_beside_the_corpus_own(here: Project) -> None:
    heard = rows("tiny")
    assert [row["text"] for row in heard[:6]] == list(SENTENCES)
    assert [row["language"] for row in heard[:6]] == [language_of(s) for s in SENTENCES]
    assert heard[7]["audio_s"] == pytest.approx(42.0)
    for row in heard:
        assert row["doubts"] == ([] if row["text"] else ["empty"])
        assert row["retried"] is False
        assert all(
            word.keys() == {"word", "start_s", "end_s", "probability"} for word in row["words"]
        )


def test_the_corpus_own_words_keep_their_times(here: Project) -> None:
    told = {row["utt_id"]: row for row in rows("reference")}
    aligned = [tuple(word.values()) for word in told["c/3"]["words"]]
    assert aligned == [(w, pytest.approx(s), pytest.approx(e), None) for w, s, e in WORDS]
    assert told["c/0"]["words"] is None
    assert told["c/3"]["doubts"] is told["c/3"]["retried"] is told["c/3"]["audio_s"] is None


def test_a_text_that_was_heard_right_is_embedded_once_with_its_reference(here: Project) -> None:
    make_models(here.root / "data" / "models" / "demo")
    here.set(asr__sources={"tiny": source(word_times=True), "beam": source(beam_size=5)})
    run()
    told = [row for of in ("reference", "tiny", "beam") for row in rows(of)]
    distinct = {(row["language"], row["text"]) for row in told}
    assert len(distinct) < len(told) / 2
    corpus = Corpus.named("c", params.load())
    for feature, vector in (("words", "vectors"), ("bert", "first")):
        done = stages.run(feature, corpus, ALONE)
        assert (done.computed, done.reused, done.rows) == (len(distinct), 0, len(told))
        made = corpus.rows(feature, "utt_id", "source", "key", vector).to_pylist()
        assert len({row["key"] for row in made}) == len(distinct)
        first = [row[vector] for row in made if row["utt_id"] == "c/0"]  # said once, heard twice
        assert first == [first[0]] * 3


def test_a_short_window_is_warned_of_when_it_computes(
    here: Project, caplog: pytest.LogCaptureFixture
) -> None:
    here.set(asr__sources={"tiny": source(word_times=True), "fast": source(window_s=10.0)})
    run()
    assert "source 'fast' hears 10 s at a time (window_s)" in caplog.text
    assert "source 'tiny'" not in caplog.text
    caplog.clear()
    run()
    assert "window_s" not in caplog.text


def test_the_closing_line_tells_speed_and_doubts(here: Project) -> None:
    shutil.rmtree(here.root / "data" / "store")
    here.set(
        asr__sources={
            "tiny": source(doubt=asdict(NO_DOUBT) | {"min_avg_logprob": 0.0, "temperatures": [0.5]})
        }
    )
    line = str(run())
    assert "s of audio per second\n" in line
    assert "doubtful texts: tiny 8; decoded again: tiny 8" in line
    assert "audio per second" not in str(run())


@pytest.mark.parametrize(("workers", "batch_size"), [(1, 16), (2, 3)])
def test_workers_and_batches_change_no_byte(
    here: Project, monkeypatch: pytest.MonkeyPatch, workers: int, batch_size: int
) -> None:
    eager = replace(stages.STAGES["asr"], worth_a_process=1)
    monkeypatch.setitem(stages.STAGES, "asr", eager)
    before = here.files("data/store") | here.files("data/catalog")
    shutil.rmtree(here.root / "data" / "store")
    run(workers, Speed("cpu", batch_size))
    assert here.files("data/store") | here.files("data/catalog") == before


def test_another_source_leaves_the_rows_of_the_others_alone(here: Project) -> None:
    before = {name: rows(name) for name in ("reference", "tiny")}
    both = {"tiny": source(word_times=True), "beam": source(beam_size=5)}
    here.set(asr__sources=both)
    assert run().computed == 8
    assert {name: rows(name) for name in before} == before
    assert [row["text"] for row in rows("beam")[:6]] == list(SENTENCES)
    assert [row["words"] for row in rows("beam")] == [None] * 8


@pytest.mark.parametrize(
    "change",
    [
        {"beam_size": 2},
        {"initial_prompt": "hm"},
        {"window_s": 20.0},
        {"vad": {"threshold": 0.5, "min_silence_ms": 500, "pad_ms": 200}},
        {"compute_type": "int8"},
        {"word_times": False},
        {"doubt": {**json.loads(json.dumps(asdict(NO_DOUBT))), "min_avg_logprob": -1.0}},
        {"language": "detect"},
    ],
    ids=str,
)
def test_each_parameter_is_part_of_the_key(here: Project, change: dict[str, Any]) -> None:
    here.set(asr__sources={"tiny": source(**{"word_times": True} | change)})
    assert len(stages.plan("asr", Corpus.named("c", params.load())).missing) == 8


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda model: (model / "model.bin").write_bytes(b"no model"), "cannot be loaded on cpu"),
        (lambda model: (model / "tokenizer.json").unlink(), r"lacks tokenizer\.json"),
        (lambda model: _make_english(model), r"language 'zh': it knows English only"),
        (shutil.rmtree, r"asr\.sources\.tiny\.model in params\.yaml\) is not on this machine"),
    ],
    ids=["corrupt", "tokenizer", "english", "gone"],
)
def test_a_model_that_cannot_work_stops_the_stage_before_any_row(
    here: Project, break_it: Any, message: str
) -> None:
    shutil.rmtree(here.root / "data" / "store")
    break_it(here.root / "data" / "models" / "fitted")
    with pytest.raises(ValueError, match=message):
        run()
    assert here.files("data/store") == {}


def _make_english(model: Path) -> None:
    vocabulary = model / "vocabulary.json"
    vocabulary.write_text(vocabulary.read_text(encoding="utf-8").replace('""', '"none"'), "utf-8")


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "abacus", "cpu:1"])
def test_a_device_that_is_not_here_is_refused(here: Project, device: str) -> None:
    shutil.rmtree(here.root / "data" / "store")
    with pytest.raises(ValueError, match=f"device: .*'{device}'"):
        run(speed=Speed(device))


def scored() -> dict[str, Any]:
    """What the stage asr_scores leaves, by utterance."""
    corpus = Corpus.named("c", params.load())
    stages.run("asr_scores", corpus, ALONE)
    recognition.write(corpus)
    table = corpus.rows("asr_scores", "utt_id", "source", *stages.asr_scores.PAYLOAD.names)
    return {row["utt_id"]: row for row in table.to_pylist()}


def test_scores_compare_what_was_heard_with_what_was_said(here: Project) -> None:
    found = scored()
    assert found.keys() == {row["utt_id"] for row in rows("reference")}
    assert found["c/0"] == {
        "utt_id": "c/0",
        "source": "tiny",
        "wer": None,  # Chinese has no spaces
        "words": None,
        "word_errors": None,
        "cer": 0.0,
        "characters": 6,
        "character_errors": 0,
    }
    assert (found["c/3"]["wer"], found["c/3"]["words"]) == (0.0, 4)
    assert found["c/7"]["cer"] > 0  # the long one, of which only the beginning says something


def test_pooled_scores_are_metrics_a_table_and_a_picture(here: Project) -> None:
    found = scored()
    folder = here.root / "reports" / "corpora" / "c"
    metrics = json.loads((folder / "asr.json").read_text())
    errors = sum(row["character_errors"] for row in found.values())
    characters = sum(row["characters"] for row in found.values())
    assert metrics["tiny"]["cer"] == pytest.approx(errors / characters, abs=1e-6)
    assert metrics["tiny"]["wer"] == 0.0
    assert metrics["tiny"]["utterances"] == 7
    table = (folder / "asr_cer.csv").read_text().splitlines()
    assert table[0] == "source,grouping,group,utterances,wer,cer"
    groups = {tuple(line.split(",")[1:3]) for line in table[1:]}
    assert {("all", "all"), ("class", "unlabelled"), ("speaker", "unknown")} < groups
    assert {group for grouping, group in groups if grouping == "duration"} == {"2-5 s", "over 10 s"}
    assert (folder / "asr_cer.png").read_bytes()[:4] == b"\x89PNG"


def test_without_recognition_there_are_no_scores_and_no_error(here: Project) -> None:
    here.set(asr__sources={})
    run()
    assert scored() == {}
    folder = here.root / "reports" / "corpora" / "c"
    assert json.loads((folder / "asr.json").read_text()) == {"sources": 0}
    assert len((folder / "asr_cer.csv").read_text().splitlines()) == 2


def test_only_new_pairs_are_scored(here: Project) -> None:
    corpus = Corpus.named("c", params.load())
    assert stages.run("asr_scores", corpus, ALONE).computed == 7
    assert stages.run("asr_scores", corpus, ALONE).computed == 0
    here.set(asr__sources={"tiny": source(word_times=True), "beam": source(beam_size=5)})
    corpus = Corpus.named("c", params.load())
    stages.run("asr", corpus, ALONE)
    done = stages.run("asr_scores", corpus, ALONE)
    assert (done.computed, done.rows) == (0, 14)  # the same texts: scored already
    assert "CER: beam" in str(done)


def test_the_report_tells_of_texts_and_never_calls_vectors_glove_that_are_not(
    here: Project,
) -> None:
    scored()
    corpus = Corpus.named("c", params.load())
    found = {name: read_entry(name, "c") for name in ("manifest", "transcripts", "asr_scores")}
    made = {"en": {"name": "x", "revision": "0", "sources": ["fastText"], "glove": False}}
    words = Entry(1, "k", (), {}, made, {"unknown words": {"tiny": 0.25}})
    catalog = {"c": {**found, "words": words}}
    context = Context(connect(catalog, {}, {}, {}), catalog, (), corpus.params.report, {})
    told = texts.facts(context)
    assert told is not None
    tiny = told["corpora"][0]["sources"]["tiny"]
    assert (tiny["WER"], tiny["scored"], tiny["unknown words"]) == (0.0, 7, 0.25)
    page = _template().environment.get_template("texts.html.j2").render(facts=told)
    assert "fastText</td><td>no</td>" in page
    assert "25.0 %" in page
    assert "<svg" in page

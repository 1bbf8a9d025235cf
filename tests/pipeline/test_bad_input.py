"""Sounds that are no speech and texts that are no sentence: each gives a row that says so."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from features.whisper.params import DoubtParams
from pipeline import params, recognition, stages
from pipeline.corpus import Corpus
from tests.features.test_asr import PARAMS, noise, silence
from tests.projects import Project, make_project
from tests.tiny_models import chord, make_bert, make_vectors

# Whisper's own limits, but for the log-probability: the tiny one is sure of all that it hears.
DOUBT = DoubtParams(-0.015, 2.4, 0.6, (0.4,), 1)
LANGUAGES = {"wrong": "zh", "mandarin": "zh", "hebrew": "he"}  # English where not named
MAX_TOKENS = 60


def music(seconds: float) -> np.ndarray:
    """Four chords of three harmonics each, struck twice a second."""
    t = np.arange(round(seconds * 16000)) / 16000
    root_hz = np.array([220.0, 174.6, 261.6, 196.0])[(t // 2).astype(int) % 4]
    tones = sum(
        np.sin(2 * np.pi * root_hz * ratio * n * t) / n
        for ratio in (1, 1.26, 1.5)
        for n in (1, 2, 3)
    )
    return (0.05 * tones * np.exp(-4 * (t % 0.5))).astype(np.float32)


SOUNDS = {
    "music": music(8),
    "noise": noise(3),
    "silence": np.full(32_000, 1e-5),  # all zero, the manifest refuses it
    "wrong": chord(3),  # English, and told that it is Chinese
    "short": chord(0)[:1600],  # 0.1 s
    "long": np.tile(np.concatenate([music(18), silence(2)]), 30),  # 10 minutes
}
TEXTS = {
    "emoji": "😀😭👍🏽 so happy 🎉",
    "mixed": "我 am so happy うれしい Привет",
    "punctuation": "?!… —— «»",
    "5000": "happy " * 833 + "ab",
    "hebrew": "שלום עולם!",
    "arabic": "مرحبا بالعالم",
    "control": "so\u200b hap\u202epy\u0007",
    "mandarin": "後來我哭了。",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, fitted_whisper: Path) -> Project:
    """A corpus of all these, through every stage that texts pass, in real files and formats."""
    project = make_project(tmp_path_factory.mktemp("bad") / "project")
    folder = project.root / "data" / "raw" / "c"
    folder.mkdir(parents=True)
    lines = []
    for name in (*SOUNDS, *TEXTS):
        sound = SOUNDS.get(name, chord(len(name) % 6)).astype(np.float32)
        soundfile.write(folder / f"{name}.wav", sound, 16000, subtype="FLOAT")
        told = {"path": f"{name}.wav", "language": LANGUAGES.get(name, "en")}
        lines.append(json.dumps(told | ({"transcript": TEXTS[name]} if name in TEXTS else {})))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    own = project.root / "data" / "models"
    shutil.copytree(fitted_whisper, own / "fitted")
    make_vectors(own / "words", "en", ["happy", "so", "last"])
    make_bert(own / "bert", "abcdefghijklmnopqrstuvwxyz我哭?!")
    source = asdict(PARAMS) | {"model": "data/models/fitted", "language": "corpus"}
    source |= {"word_times": True, "doubt": asdict(DOUBT)}
    project.set(
        corpora={"c": {"reader": "table", "path": "data/raw/c"}},
        asr__sources={"tiny": json.loads(json.dumps(source))},
        words__models={"default": "data/models/words"},
        words__segmenters={},
        bert__models={"default": "data/models/bert"},
        bert__max_tokens=MAX_TOKENS,
        manifest__max_duration_s=700,
        manifest__silence_db=-1000,
        manifest__min_duration_s=0.05,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        corpus = Corpus.named("c", params.load())
        stages.run_manifest(corpus, 1)
        for stage in ("asr", "asr_scores", "words", "bert"):
            stages.run(stage, corpus, 1)
        recognition.write(corpus)
    return project


@pytest.fixture
def here(done: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(done.root)
    return done


def rows(feature: str, source: str) -> dict[str, dict[str, Any]]:
    """The rows of a source by the utterance's name."""
    names = [name for name in getattr(stages, feature).PAYLOAD.names if name != "text_key"]
    table = Corpus.named("c", params.load()).rows(feature, "utt_id", "source", *names)
    found = [row for row in table.to_pylist() if row["source"] == source]
    return {row["utt_id"].removeprefix("c/"): row for row in found}


def test_every_sound_has_a_row_with_its_length_and_scores(here: Project) -> None:
    heard = rows("transcripts", "tiny")
    assert heard.keys() == {*SOUNDS, *TEXTS}
    for name, sound in SOUNDS.items():
        row = heard[name]
        assert row["audio_s"] == pytest.approx(len(sound) / 16000)
        assert row["avg_logprob"] < 0
        assert 0 <= row["no_speech_prob"] <= 1
        assert row["compression_ratio"] >= 0
        assert 0 <= row["language_probability"] <= 1
        for word in row["words"]:
            assert 0 <= word["start_s"] <= word["end_s"] <= row["audio_s"]


def test_a_row_says_what_is_doubtful_about_it_and_that_it_was_tried_again(here: Project) -> None:
    heard = rows("transcripts", "tiny")
    for name, row in heard.items():
        limits = {
            "empty": not row["text"],
            "low_logprob": row["avg_logprob"] < np.float32(DOUBT.min_avg_logprob),
            "repetitive": row["compression_ratio"] > DOUBT.max_compression_ratio,
            "no_speech": row["no_speech_prob"] > DOUBT.max_no_speech_prob,
        }
        assert set(row["doubts"]) == {doubt for doubt, holds in limits.items() if holds}, name
        assert row["retried"] or not row["doubts"], name
    assert (heard["silence"]["text"], heard["silence"]["doubts"]) == ("", ["empty"])
    assert heard["silence"]["words"] == []
    assert "repetitive" in heard["hebrew"]["doubts"]  # it never learnt to end in that language


def test_another_language_than_declared_is_improbable_in_its_row(here: Project) -> None:
    heard = rows("transcripts", "tiny")
    assert heard["wrong"]["language"] == "zh"
    assert heard["wrong"]["language_probability"] < 0.5 < heard["mandarin"]["language_probability"]


def test_every_text_is_kept_as_it_came_and_scored(here: Project) -> None:
    told, scores = rows("transcripts", "reference"), rows("asr_scores", "tiny")
    assert {name: row["text"] for name, row in told.items()} == TEXTS
    assert scores.keys() == TEXTS.keys()
    for name, row in scores.items():
        if row["characters"]:
            assert row["cer"] == pytest.approx(row["character_errors"] / row["characters"])
        assert (row["wer"] is None) == (name == "mandarin")
    assert (scores["punctuation"]["characters"], scores["punctuation"]["cer"]) == (0, 1.0)


def test_no_word_vector_is_made_up(here: Project) -> None:
    for source in ("reference", "tiny"):
        for name, row in rows("words", source).items():
            vectors = np.reshape(row["vectors"], (len(row["tokens"]), 12))
            np.testing.assert_array_equal(vectors.any(axis=1), row["known"], err_msg=name)
            in_table = [token.lower() in ("happy", "so", "last") for token in row["tokens"]]
            assert row["known"] == in_table, name
    told = rows("words", "reference")
    assert rows("words", "tiny")["silence"]["tokens"] == []
    assert told["punctuation"]["unknown_share"] == told["hebrew"]["unknown_share"] == 1.0
    assert sum(told["5000"]["known"]) == 833


def test_every_text_has_finite_sentence_vectors_and_a_cut_one_says_so(here: Project) -> None:
    for source in ("reference", "tiny"):
        for name, row in rows("bert", source).items():
            assert np.isfinite(row["first"]).all(), name
            assert np.isfinite(row["mean"]).all(), name
    told = rows("bert", "reference")
    assert [name for name, row in told.items() if row["truncated"]] == ["5000"]
    assert told["5000"]["n_tokens"] == MAX_TOKENS
    assert rows("bert", "tiny")["silence"]["n_tokens"] == 2  # the special ones

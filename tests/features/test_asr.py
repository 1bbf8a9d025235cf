"""Laws of transcription, with a Whisper that knows six chords by heart."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.asr import SAMPLE_RATE_HZ, WhisperParams, load, transcribe
from tests.tiny_models import SENTENCES, chord, language_of

PARAMS = WhisperParams(
    model="here", compute_type="float32", beam_size=1, language="detect", initial_prompt=None
)


@pytest.fixture(scope="module")
def model(fitted_whisper: Path) -> Any:
    return load(fitted_whisper, "float32")


@pytest.mark.parametrize("beam_size", [1, 5])
def test_every_sound_gives_its_sentence_and_language(model: Any, beam_size: int) -> None:
    for number, sentence in enumerate(SENTENCES):
        heard = transcribe(chord(number), model, replace(PARAMS, beam_size=beam_size), None)
        assert heard.text == sentence
        assert heard.language == language_of(sentence)
        assert heard.language_probability is not None
        assert 0 < heard.language_probability <= 1
        assert heard.avg_logprob is not None
        assert -1 < heard.avg_logprob < 0
        assert heard.no_speech_prob is not None
        assert 0 <= heard.no_speech_prob < 0.1
        assert heard.compression_ratio is not None
        assert heard.temperature == 0.0


def test_the_same_sound_gives_the_same_transcript_whatever_came_before(
    model: Any, fitted_whisper: Path
) -> None:
    first = [transcribe(chord(n), model, PARAMS, None) for n in range(3)]
    load.cache_clear()
    again = load(fitted_whisper, "float32")
    assert [transcribe(chord(n), again, PARAMS, None) for n in (2, 1, 0)] == first[::-1]


def test_a_told_language_is_used_and_its_probability_left_open(model: Any) -> None:
    corpus = replace(PARAMS, language="corpus")
    for params, language in ((corpus, "zh"), (replace(PARAMS, language="zh"), "en")):
        heard = transcribe(chord(0), model, params, language)
        assert (heard.text, heard.language) == (SENTENCES[0], "zh")
        assert heard.language_probability is None


def test_an_unknown_corpus_language_is_detected(model: Any) -> None:
    heard = transcribe(chord(3), model, replace(PARAMS, language="corpus"), None)
    assert heard.language == "en"
    assert heard.language_probability is not None


def test_more_than_one_window_is_joined_and_scored_by_the_worst(random_whisper: Path) -> None:
    model = load(random_whisper, "float32")
    x = np.random.default_rng(0).standard_normal(40 * SAMPLE_RATE_HZ).astype(np.float32)
    x[: 30 * SAMPLE_RATE_HZ] *= 0.01
    heard = transcribe(x, model, PARAMS, None)
    windows = list(
        model.transcribe(
            x, beam_size=1, without_timestamps=True, condition_on_previous_text=False, temperature=0
        )[0]
    )
    assert len(windows) >= 2
    assert heard.text == "".join(w.text for w in windows).strip()
    assert heard.avg_logprob == min(w.avg_logprob for w in windows)
    assert heard.no_speech_prob == max(w.no_speech_prob for w in windows)
    assert heard.compression_ratio == max(w.compression_ratio for w in windows)


def test_a_prompt_is_part_of_what_the_model_sees(random_whisper: Path) -> None:
    model = load(random_whisper, "float32")
    plain = transcribe(chord(0), model, PARAMS, "zh")
    prompted = transcribe(chord(0), model, replace(PARAMS, initial_prompt="你好。"), "zh")
    assert plain.avg_logprob != prompted.avg_logprob


def test_empty_text_is_valid_and_has_no_scores(model: Any) -> None:
    heard = transcribe(np.zeros(2 * SAMPLE_RATE_HZ, np.float32), model, PARAMS, None)
    assert heard.text == ""
    assert heard.language_probability is not None
    assert heard.avg_logprob is heard.no_speech_prob is heard.compression_ratio is None


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((2, 1600), np.float32), r"shape \(2, 1600\): expected one channel"),
        (np.zeros(0, np.float32), "audio is empty"),
        (np.array([0, np.nan, np.inf], np.float32), "2 of 3 samples are NaN or infinite"),
    ],
)
def test_audio_that_whisper_cannot_take_is_refused(
    model: Any, audio: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        transcribe(audio, model, PARAMS, None)


@pytest.mark.parametrize("samples", [1, 100, 1600])
def test_very_short_audio_is_taken(model: Any, samples: int) -> None:
    assert transcribe(chord(0)[:samples], model, PARAMS, None).temperature == 0.0


def test_a_language_that_whisper_does_not_know_is_refused(model: Any) -> None:
    with pytest.raises(ValueError, match="cannot transcribe language 'xx'"):
        transcribe(chord(0), model, replace(PARAMS, language="xx"), None)


@pytest.fixture(scope="module")
def english_only(random_whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CTranslate2 tells a multilingual vocabulary by its empty token; without it: English only."""
    copy = shutil.copytree(random_whisper, tmp_path_factory.mktemp("english") / "model")
    vocabulary = copy / "vocabulary.json"
    vocabulary.write_text(vocabulary.read_text(encoding="utf-8").replace('""', '"none"'), "utf-8")
    return copy


def test_an_english_model_refuses_another_language(english_only: Path) -> None:
    model = load(english_only, "float32")
    with pytest.raises(ValueError, match=r"language 'zh': it knows English only; choose a multi"):
        transcribe(chord(0), model, replace(PARAMS, language="corpus"), "zh")


@pytest.mark.parametrize("compute_type", ["float99", "auto", "default"])
def test_a_compute_type_that_is_not_this_devices_own_is_refused(
    random_whisper: Path, compute_type: str
) -> None:
    with pytest.raises(ValueError, match=r"'cpu': expected one of .*float32.*int8"):
        load(random_whisper, compute_type)


def test_int8_loads(random_whisper: Path) -> None:
    transcribe(chord(0), load(random_whisper, "int8"), PARAMS, None)


def test_an_unknown_device_is_refused(random_whisper: Path) -> None:
    with pytest.raises(ValueError, match="device 'abacus' cannot be used"):
        load(random_whisper, "float32", device="abacus")


def test_a_directory_that_is_no_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks model\.bin.*ct2-transformers-converter"):
        load(tmp_path, "float32")


def test_a_broken_model_is_named(random_whisper: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(random_whisper, tmp_path / "copy")
    (copy / "model.bin").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="cannot be loaded on cpu"):
        load(copy, "float32")

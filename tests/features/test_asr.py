"""Laws of transcription, with a Whisper that knows six chords by heart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.asr import Transcript, transcribe
from features.whisper.model import Whisper, load
from features.whisper.params import DoubtParams, VadParams, WhisperParams
from features.whisper.windows import SAMPLE_RATE_HZ, cut
from tests.tiny_models import SENTENCES, chord, language_of

NO_DOUBT = DoubtParams(
    min_avg_logprob=-99.0,
    max_compression_ratio=99.0,
    max_no_speech_prob=1.0,
    temperatures=(),
    best_of=1,
)
PARAMS = WhisperParams(
    model="here",
    compute_type="float32",
    beam_size=1,
    language="detect",
    initial_prompt=None,
    word_times=False,
    vad=None,
    window_s=30.0,
    doubt=NO_DOUBT,
)
VAD = VadParams(threshold=0.5, min_silence_ms=500, pad_ms=200)


@pytest.fixture(scope="module")
def fitted(fitted_whisper: Path) -> Whisper:
    return load(fitted_whisper, "float32")


@pytest.fixture(scope="module")
def random(random_whisper: Path) -> Whisper:
    return load(random_whisper, "float32")


def hear(
    x: np.ndarray, whisper: Whisper, params: WhisperParams = PARAMS, language: str | None = None
) -> Transcript:
    (heard,) = transcribe([x], whisper, params, [language])
    return heard


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """White noise."""
    samples = round(seconds * SAMPLE_RATE_HZ)
    return 0.1 * np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)


LONG = np.concatenate([noise(20), silence(1), noise(24, 1), silence(1), noise(19, 2)])
SOUNDS = [
    *map(chord, range(len(SENTENCES))),
    chord(0)[: int(0.3 * SAMPLE_RATE_HZ)],
    noise(29.9),
    LONG,
    silence(2),
    chord(3)[:1600],
    chord(4)[:1],
]


@pytest.mark.parametrize("beam_size", [1, 5])
def test_every_sound_gives_its_sentence_and_language(fitted: Whisper, beam_size: int) -> None:
    for number, sentence in enumerate(SENTENCES):
        heard = hear(chord(number), fitted, replace(PARAMS, beam_size=beam_size))
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
        assert heard.audio_s == 2.0
        assert (heard.doubts, heard.retried, heard.words) == ((), False, None)


@pytest.mark.parametrize("batch_size", [2, 16])
def test_a_transcript_does_not_depend_on_its_batch(fitted: Whisper, batch_size: int) -> None:
    params = replace(PARAMS, word_times=True, doubt=replace(NO_DOUBT, temperatures=(0.4, 1.0)))
    nothing_told: list[str | None] = [None] * len(SOUNDS)
    alone = [hear(x, fitted, params) for x in SOUNDS]
    assert transcribe(SOUNDS, fitted, params, nothing_told, batch_size=batch_size) == alone
    backwards = transcribe(SOUNDS[::-1], fitted, params, nothing_told, batch_size=batch_size)
    assert backwards[::-1] == alone
    assert [heard.text for heard in alone[:6]] == list(SENTENCES)
    assert [heard.language for heard in alone[:6]] == [language_of(s) for s in SENTENCES]


def test_it_agrees_with_faster_whispers_own_transcribe(random: Whisper) -> None:
    segments, info = random.model.transcribe(
        chord(2),
        beam_size=1,
        temperature=0.0,
        without_timestamps=True,
        condition_on_previous_text=False,
        word_timestamps=True,
    )
    (segment,) = segments
    heard = hear(chord(2), random, replace(PARAMS, word_times=True))
    assert heard.text == segment.text.strip()
    assert heard.language == info.language
    assert heard.language_probability == pytest.approx(info.language_probability, abs=1e-4)
    assert heard.avg_logprob == pytest.approx(segment.avg_logprob, abs=1e-4)
    assert heard.no_speech_prob == pytest.approx(segment.no_speech_prob, abs=1e-4)
    assert heard.words is not None
    told = [w for w in segment.words if w.word.strip()]
    assert [w.word for w in heard.words] == [w.word.strip() for w in told]
    assert [w.start_s for w in heard.words] == pytest.approx([min(w.start, 2.0) for w in told])


def test_a_told_language_is_used_and_a_wrong_one_is_improbable(fitted: Whisper) -> None:
    corpus = replace(PARAMS, language="corpus")
    detected = hear(chord(0), fitted)
    for params, language in ((corpus, "zh"), (replace(PARAMS, language="zh"), "en")):
        heard = hear(chord(0), fitted, params, language)
        assert (heard.text, heard.language) == (SENTENCES[0], "zh")
        assert heard.language_probability == detected.language_probability
    wrong = hear(chord(0), fitted, corpus, "en")
    assert wrong.language == "en"
    assert wrong.language_probability is not None
    assert wrong.language_probability < 0.5


def test_an_unknown_corpus_language_is_detected(fitted: Whisper) -> None:
    heard = hear(chord(3), fitted, replace(PARAMS, language="corpus"))
    assert heard.language == "en"
    assert heard.language_probability is not None


def test_a_long_sound_is_cut_joined_and_scored_by_its_worst_window(random: Whisper) -> None:
    heard = hear(LONG, random, replace(PARAMS, word_times=True))
    windows = cut(LONG, 30.0, None)
    assert len(windows.pieces) == 3
    alone = [
        hear(piece, random, replace(PARAMS, word_times=True, language=str(heard.language)))
        for piece in windows.pieces
    ]
    assert "".join(heard.text.split()) == "".join("".join(a.text for a in alone).split())
    assert heard.avg_logprob == min(a.avg_logprob for a in alone if a.avg_logprob is not None)
    assert heard.compression_ratio == max(a.compression_ratio or 0 for a in alone)
    assert heard.audio_s == 65.0
    assert heard.words is not None
    starts = [word.start_s for word in heard.words]
    assert starts == sorted(starts)
    assert max(starts) > 44
    assert all(0 <= w.start_s <= w.end_s <= 65.0 for w in heard.words)


def test_words_have_times_in_order_inside_the_sound(fitted: Whisper) -> None:
    heard = hear(chord(3), fitted, replace(PARAMS, word_times=True))
    assert heard.words is not None
    assert [w.word for w in heard.words] == ["I", "am", "so", "happy."]
    for before, after in zip(heard.words, heard.words[1:], strict=False):
        assert before.start_s <= before.end_s <= after.start_s
    assert all(0 <= w.probability <= 1 and w.end_s <= 2.0 for w in heard.words)


def test_a_prompt_is_part_of_what_the_model_sees(random: Whisper) -> None:
    plain = hear(chord(0), random, PARAMS, "zh")
    prompted = hear(chord(0), random, replace(PARAMS, initial_prompt="你好。"), "zh")
    assert plain.avg_logprob != prompted.avg_logprob


def test_a_shorter_window_gives_another_result(random: Whisper) -> None:
    assert hear(chord(0), random) != hear(chord(0), random, replace(PARAMS, window_s=5.0))
    assert hear(noise(12), random, replace(PARAMS, window_s=5.0)).audio_s == 12.0


def test_empty_text_is_valid_has_its_scores_and_is_doubted(fitted: Whisper) -> None:
    heard = hear(silence(2), fitted)
    assert (heard.text, heard.doubts) == ("", ("empty",))
    assert heard.avg_logprob is not None
    assert heard.no_speech_prob is not None
    assert heard.compression_ratio == 0.0


def test_without_speech_nothing_is_listened_to(fitted: Whisper) -> None:
    for params, language in ((PARAMS, None), (replace(PARAMS, language="corpus"), "zh")):
        vad = replace(params, vad=VAD, word_times=True)
        heard = hear(silence(2), fitted, vad, language)
        assert (heard.text, heard.doubts, heard.language) == ("", ("empty",), language)
        assert heard.avg_logprob is heard.no_speech_prob is heard.temperature is None
        assert heard.words == ()


def test_speech_survives_its_detection(emodb_dir: Path, fitted: Whisper) -> None:
    import soundfile

    x, rate = soundfile.read(sorted((emodb_dir / "wav").glob("*.wav"))[0], dtype="float32")
    assert rate == SAMPLE_RATE_HZ
    kept = cut(np.concatenate([silence(3), x, silence(3)]), 30.0, VAD)
    assert 0.5 * len(x) < sum(map(len, kept.pieces)) < len(x) + 2 * SAMPLE_RATE_HZ
    assert 2.5 < kept.in_sound_s(0, 0.0) < 4.5
    assert hear(x, fitted, replace(PARAMS, vad=VAD)).avg_logprob is not None


@pytest.mark.parametrize(
    ("limit", "doubt"),
    [
        ({"min_avg_logprob": 0.0}, "low_logprob"),
        ({"max_compression_ratio": 0.0}, "repetitive"),
        ({"max_no_speech_prob": -1.0}, "no_speech"),
    ],
)
def test_what_passes_a_limit_is_doubted_and_decoded_again(
    fitted: Whisper, limit: dict[str, float], doubt: str
) -> None:
    left = hear(chord(0), fitted, replace(PARAMS, doubt=replace(NO_DOUBT, **limit)))
    assert (left.doubts, left.retried, left.text) == ((doubt,), False, SENTENCES[0])
    again = replace(NO_DOUBT, temperatures=(0.2,), **limit)
    heard = hear(chord(0), fitted, replace(PARAMS, doubt=again))
    assert (heard.doubts, heard.retried) == ((doubt,), True)
    assert heard.text == SENTENCES[0]  # the likeliest of both


def test_sampling_stops_when_nothing_is_doubted_any_more(random: Whisper) -> None:
    doubt = replace(NO_DOUBT, max_compression_ratio=2.4, best_of=3)
    assert hear(chord(1), random, replace(PARAMS, doubt=doubt)).doubts == ("repetitive",)
    again = replace(doubt, temperatures=(1e-3, 1.0, 1.5))  # the first hardly differs from greedy
    heard = hear(chord(1), random, replace(PARAMS, doubt=again))
    assert (heard.doubts, heard.retried, heard.temperature) == ((), True, 1.0)
    assert heard.compression_ratio is not None
    assert heard.compression_ratio <= 2.4


def test_what_was_sampled_before_changes_no_sample(random: Whisper) -> None:
    doubt = replace(NO_DOUBT, min_avg_logprob=0.0, temperatures=(1.0,), best_of=3)
    params = replace(PARAMS, doubt=doubt)
    alone = hear(chord(1), random, params)
    assert alone.retried
    assert transcribe([chord(0), chord(1)], random, params, [None] * 2)[1] == alone
    assert hear(chord(1), random, params) == alone


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((2, 1600), np.float32), r"shape \(2, 1600\): expected one channel"),
        (np.zeros(0, np.float32), "audio is empty"),
        (np.array([0, np.nan, np.inf], np.float32), "2 of 3 samples are NaN or infinite"),
    ],
)
def test_audio_that_whisper_cannot_take_is_refused(
    fitted: Whisper, audio: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        hear(audio, fitted)


def test_a_language_that_whisper_does_not_know_is_refused(fitted: Whisper) -> None:
    with pytest.raises(ValueError, match="cannot transcribe language 'xx'"):
        hear(chord(0), fitted, replace(PARAMS, language="xx"))

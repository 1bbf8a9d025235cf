"""Laws of the word vectors."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.words import WordFeatures, embed, forms, load, sources
from tests.tiny_models import make_vectors

any_directory_fixture = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def row(path: Path, language: str, word: str) -> np.ndarray:
    """A word's vector as spaCy itself looks it up."""
    import spacy

    return spacy.load(path).vocab.get_vector(word)


def test_a_known_word_has_the_vector_that_spacy_gives(english_vectors: Path) -> None:
    features = embed("happy apple", load(english_vectors, "en", "model"))
    assert features.tokens == ["happy", "apple"]
    assert features.known.all()
    for word, vector in zip(features.tokens, features.vectors, strict=True):
        np.testing.assert_array_equal(vector, row(english_vectors, "en", word))


def test_an_unknown_word_is_zero_and_never_the_last_row(english_vectors: Path) -> None:
    vectoriser = load(english_vectors, "en", "model")
    features = embed("zebra last", vectoriser)
    np.testing.assert_array_equal(features.known, [False, True])
    assert not features.vectors[0].any()
    np.testing.assert_array_equal(features.vectors[1], vectoriser.table[-1])
    assert features.unknown_share == 0.5


@any_directory_fixture
@given(text=st.text())
@pytest.mark.parametrize("segmenter", ["char", "model", "jieba"])
def test_any_text_gives_one_vector_per_token_and_zero_where_unknown(
    chinese_vectors: Path, segmenter: str, text: str
) -> None:
    features = embed(text, load(chinese_vectors, "zh", segmenter))
    assert features.vectors.shape == (len(features.tokens), 12)
    assert features.vectors.dtype == np.float32
    assert features.known.shape == (len(features.tokens),)
    np.testing.assert_array_equal(features.vectors.any(axis=1), features.known)
    assert all(token.strip() for token in features.tokens)


def test_the_own_form_comes_before_the_lower_case_form(english_vectors: Path) -> None:
    features = embed("Apple HAPPY", load(english_vectors, "en", "model"))
    assert features.known.all()
    np.testing.assert_array_equal(features.vectors[0], row(english_vectors, "en", "Apple"))
    np.testing.assert_array_equal(features.vectors[1], row(english_vectors, "en", "happy"))


@pytest.mark.parametrize(
    ("token", "language", "word"),
    [
        ("ＨＡＰＰＹ", "en", "happy"),
        ("don’t", "en", "don't"),
        ("DON’T", "en", "don't"),
        ("後來", "zh", "后来"),
        ("ＫＴＶ後來", "zh", "ktv后来"),
    ],
)
def test_a_token_is_found_however_it_is_written(
    tmp_path: Path, token: str, language: str, word: str
) -> None:
    path = make_vectors(tmp_path / "model", language, [word, "last"])
    vectoriser = load(path, language, "char")
    features = embed(token, replace(vectoriser, tokenize=lambda text: [text]))
    assert features.tokens == [token]  # as it was written
    np.testing.assert_array_equal(features.vectors, vectoriser.table[:1])


def test_a_nearer_form_comes_first(tmp_path: Path) -> None:
    words = ["後來", "后来", "don’t", "don't", "last"]
    vectoriser = load(make_vectors(tmp_path / "model", "zh", words), "zh", "char")
    whole = replace(vectoriser, tokenize=str.split)
    np.testing.assert_array_equal(
        embed("後來 后来 Don’t Don't", whole).vectors, vectoriser.table[:4]
    )


def test_characters_are_made_simplified_for_chinese_alone() -> None:
    assert forms("後", "zh") == ["后"]
    assert forms("後", "ja") == forms("後", None) == []


def test_an_empty_text_has_no_tokens(english_vectors: Path) -> None:
    for text in ("", "   \n\t"):
        features = embed(text, load(english_vectors, "en", "model"))
        assert features.tokens == []
        assert features.vectors.shape == (0, 12)
        assert features.unknown_share == 0.0


def test_the_dimension_is_the_tables(english_vectors: Path) -> None:
    assert load(english_vectors, "en", "model").dimension == 12


def tokens_of(path: Path, segmenter: str, text: str) -> list[str]:
    features: WordFeatures = embed(text, load(path, "zh", segmenter))
    return features.tokens


def test_characters_are_the_tokens_of_the_char_segmenter(chinese_vectors: Path) -> None:
    assert tokens_of(chinese_vectors, "char", "今天天气好。") == list("今天天气好。")


def test_the_char_segmenter_keeps_latin_words_and_numbers_whole(chinese_vectors: Path) -> None:
    expected = ["我", "用", "iPhone", "15", "，", "don't", "好"]
    assert tokens_of(chinese_vectors, "char", "我用iPhone 15，don't好") == expected


def test_jieba_finds_words_and_loses_no_character(chinese_vectors: Path) -> None:
    tokens = tokens_of(chinese_vectors, "jieba", "我今天很难过。")
    assert {"今天", "难过"} <= set(tokens)
    assert "".join(tokens) == "我今天很难过。"


def test_the_model_segmenter_is_what_the_directory_brings(chinese_vectors: Path) -> None:
    assert tokens_of(chinese_vectors, "model", "今天好") == ["今", "天", "好"]


def test_the_result_does_not_depend_on_texts_seen_before(english_vectors: Path) -> None:
    alone = embed("so happy, zebra", load(english_vectors, "en", "model"))
    vectoriser = load(english_vectors, "en", "model")
    for text in ("zebra", "happy!", "so, so"):
        embed(text, vectoriser)
    after = embed("so happy, zebra", vectoriser)
    assert after.tokens == alone.tokens
    np.testing.assert_array_equal(after.vectors, alone.vectors)


def test_sources_come_from_the_models_meta(english_vectors: Path) -> None:
    assert sources(english_vectors) == ("random numbers",)


def test_a_glove_text_file_becomes_a_model_by_spacys_own_command(tmp_path: Path) -> None:
    (tmp_path / "glove.txt").write_text("happy 1 0 0\nsad 0 1 0\n")
    command = [sys.executable, "-m", "spacy", "init", "vectors", "en", "glove.txt", "model"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    features = embed("happy sad grue", load(tmp_path / "model", "en", "model"))
    np.testing.assert_array_equal(features.vectors, [[1, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_a_directory_that_is_no_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"meta\.json.*spacy init vectors"):
        load(tmp_path, "en", "model")


def test_a_broken_model_is_named(english_vectors: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(english_vectors, tmp_path / "copy")
    (copy / "config.cfg").unlink()
    with pytest.raises(ValueError, match="'en' cannot be loaded"):
        load(copy, "en", "model")


def test_a_model_without_vectors_is_refused(tmp_path: Path) -> None:
    import spacy

    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(ValueError, match="has no word vectors"):
        load(tmp_path / "blank", "en", "model")


def test_an_unknown_segmenter_lists_those_there_are(english_vectors: Path) -> None:
    with pytest.raises(ValueError, match="expected one of char, jieba, model"):
        load(english_vectors, "en", "pkuseg")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("meta.json", b"{", r"meta\.json is no JSON"),
        ("vocab/key2row", None, r"has no word vectors \(its table is 10 x 12, of 0 words\)"),
        ("vocab/vectors", b"", "'en' cannot be loaded"),
    ],
)
def test_a_damaged_model_never_makes_all_words_unknown(
    english_vectors: Path, tmp_path: Path, file: str, content: bytes | None, message: str
) -> None:
    copy = shutil.copytree(english_vectors, tmp_path / "copy")
    (copy / file).unlink() if content is None else (copy / file).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(copy, "en", "model")

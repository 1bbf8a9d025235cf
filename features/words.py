"""Word vectors: a text becomes tokens, and one vector of a spaCy table per token.

Only the tokenizer and the vector table of a spaCy model are used; taggers and parsers are not even
loaded. What the vectors are (GloVe, fastText, ...) is the model's affair: `sources` tells it.
"""

import functools
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEGMENTERS = ("char", "jieba", "model")

# Chinese characters, as the inside of a regular expression class.
HAN = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
# One Han character; or a run of other letters and digits (apostrophes, hyphens inside); or a sign.
_APOSTROPHES = re.compile(r"[’ʼ]")
_CHAR_TOKEN = re.compile(rf"[{HAN}]|[^\W{HAN}]+(?:['’-][^\W{HAN}]+)*|[^\w\s]")


@dataclass(frozen=True)
class WordsParams:
    """Parameters of the words stage."""

    models: dict[
        str, str
    ]  # language or "default" -> directory, installed spaCy package or hub name
    segmenters: dict[str, str]  # language -> char | jieba | model; "model" where not named


@dataclass(frozen=True)
class Vectoriser:
    """A tokenizer with its vector table."""

    tokenize: Callable[[str], list[str]]
    rows: Callable[[list[str]], NDArray[np.int64]]  # row of each token in the table, < 0 = unknown
    table: NDArray[np.float32]  # [rows, dim]
    language: str | None  # of the texts, ISO 639-1

    @property
    def dimension(self) -> int:
        """Length of one vector."""
        return int(self.table.shape[1])


@dataclass(frozen=True)
class WordFeatures:
    """Tokens of one text and their vectors."""

    tokens: list[str]
    known: NDArray[np.bool_]  # [tokens]
    vectors: NDArray[np.float32]  # [tokens, dim]; zero where unknown

    @property
    def unknown_share(self) -> float:
        """Share of tokens without a vector; 0 for a text without tokens."""
        return float(1.0 - self.known.mean()) if len(self.known) else 0.0


def embed(text: str, vectoriser: Vectoriser) -> WordFeatures:
    """Look up the vector of every token, in its own form, else in the first of `forms` known.

    Shape: text of T tokens -> vectors [T, dim], known [T]. White space is no token; T = 0 is valid.
    An unknown token has a zero vector and `known` False.
    """
    return embed_each([text], vectoriser)[0]


def embed_each(texts: Sequence[str], vectoriser: Vectoriser) -> list[WordFeatures]:
    """As `embed`, for many texts: each distinct token is looked up once.

    Shape: n texts of T_i tokens -> n times vectors [T_i, dim], known [T_i].
    """
    tokens = [vectoriser.tokenize(text) for text in texts]
    number: dict[str, int] = {}  # distinct token -> its place among them
    places = [number.setdefault(token, len(number)) for told in tokens for token in told]
    row = _rows_of([*number], vectoriser)[np.array(places, np.int64)]
    known = row >= 0
    # The table is indexed by known rows only: row -1 would silently be the last word's vector.
    vectors = np.zeros((len(row), vectoriser.dimension), np.float32)
    vectors[known] = vectoriser.table[row[known]]
    ends = np.cumsum([len(told) for told in tokens])[:-1]
    parts = zip(tokens, np.split(known, ends), np.split(vectors, ends), strict=True)
    return [WordFeatures(*part) for part in parts]


def _rows_of(tokens: list[str], vectoriser: Vectoriser) -> NDArray[np.int64]:
    rows = vectoriser.rows(tokens)
    for i in np.flatnonzero(rows < 0):
        found = vectoriser.rows(forms(tokens[i], vectoriser.language))
        rows[i] = next((row for row in found if row >= 0), -1)
    return rows


def forms(token: str, language: str | None) -> list[str]:
    """Other ways to write a token, nearest first.

    In lower case; with compatibility forms (NFKC) and curly apostrophes made plain; that in lower
    case; for Chinese ("zh") all of these in simplified characters.

    >>> forms("Don’t", "en"), forms("後來", "zh")
    (['don’t', "Don't", "don't"], ['后来'])
    """
    plain = _APOSTROPHES.sub("'", unicodedata.normalize("NFKC", token))
    written = [token.lower(), plain, plain.lower()]
    if language == "zh":
        written += [simplified(form) for form in (token, *written)]
    return [form for form in dict.fromkeys(written) if form != token]


def simplified(text: str) -> str:
    """Text with its traditional characters made simplified."""
    found: str = _converter().convert(text)
    return found


@functools.cache
def _converter() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def load(path: Path, language: str | None, segmenter: str) -> Vectoriser:
    """Load a spaCy model directory (`nlp.to_disk`, `spacy init vectors`, an unpacked package).

    `language` is the one of the texts (ISO 639-1; None = unknown), which tells the forms to try.
    `segmenter` is "char", "jieba" or "model" (the tokenizer that the model brings). ValueError if
    the directory has no usable vectors.
    """
    if segmenter not in SEGMENTERS:
        raise ValueError(
            f"words: segmenter {segmenter!r} for language {language!r}: "
            f"expected one of {', '.join(SEGMENTERS)}"
        )
    nlp = _load_spacy(path, language)
    vectors = nlp.vocab.vectors
    _check_vectors(path, language, vectors)
    return Vectoriser(
        tokenize=_tokenizer(nlp, segmenter),
        rows=functools.partial(_rows, vectors),
        table=np.ascontiguousarray(vectors.data, dtype=np.float32),
        language=language,
    )


def sources(path: Path) -> tuple[str, ...]:
    """Names of what the vectors were made from, as meta.json tells; () if it is silent."""
    meta = _meta(path)
    entries = meta.get("sources") or []
    return tuple(str(e.get("name", "")) if isinstance(e, dict) else str(e) for e in entries)


def is_glove(path: Path) -> bool:
    """Whether the model itself says that its vectors are GloVe's."""
    meta = _meta(path)
    told = (*sources(path), meta.get("description"), meta.get("vectors", {}).get("name"))
    return any("glove" in str(text).lower() for text in told)


def _meta(path: Path) -> dict[str, Any]:
    """Read meta.json of a spaCy model directory."""
    file = path / "meta.json"
    if not file.is_file():
        raise ValueError(
            f"words: {path} is no spaCy model directory (it has no meta.json): "
            "make one with `python -m spacy init vectors LANGUAGE VECTORS.txt DIRECTORY`"
        )
    try:
        meta: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"words: {file} is no JSON: {error}; copy the model again") from error
    return meta


def _load_spacy(path: Path, language: str | None) -> Any:
    """Load tokenizer and vectors, and leave out every pipe (they cost seconds and are not used)."""
    import spacy

    meta = _meta(path)
    pipes = [*meta.get("pipeline", []), *meta.get("disabled", [])]
    try:
        return spacy.load(path, exclude=pipes)
    except (OSError, EOFError, ImportError, ValueError) as error:
        raise ValueError(
            f"words: the model {path} for language {language!r} cannot be loaded: {error}"
        ) from error


def _check_vectors(path: Path, language: str | None, vectors: Any) -> None:
    """Refuse tables in which a token has no row of its own."""
    if vectors.mode != "default":
        raise ValueError(
            f"words: the model {path} for language {language!r} has {vectors.mode!r} vectors: "
            "expected a plain table with one row per word"
        )
    if 0 in (*vectors.shape, vectors.n_keys):
        raise ValueError(
            f"words: the model {path} for language {language!r} has no word vectors "
            f"(its table is {vectors.shape[0]} x {vectors.shape[1]}, of {vectors.n_keys} words): "
            "take an md or lg package, or make one with `python -m spacy init vectors`"
        )


def _rows(vectors: Any, tokens: list[str]) -> NDArray[np.int64]:
    """Row of each token in the table, -1 where it has none."""
    return np.asarray(vectors.find(keys=tokens), dtype=np.int64).reshape(len(tokens))


def _tokenizer(nlp: Any, segmenter: str) -> Callable[[str], list[str]]:
    if segmenter == "char":
        return _CHAR_TOKEN.findall
    if segmenter == "jieba":
        return _jieba_tokens
    return functools.partial(_model_tokens, nlp)


def _model_tokens(nlp: Any, text: str) -> list[str]:
    return [token.text for token in nlp.make_doc(text) if not token.is_space]


def _jieba_tokens(text: str) -> list[str]:
    return [token for token in _jieba().lcut(text) if not token.isspace()]


@functools.cache
def _jieba() -> Any:
    """A jieba tokenizer of our own: its global one can be changed by any other code."""
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)
    return jieba.Tokenizer()

"""Tiny encoders, made once per test session."""

import os
from pathlib import Path

import pytest

from tests.tiny_models import make_bert, make_vectors

# No test may reach for a hub, not even by mistake; read when huggingface_hub is first imported.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ENGLISH = ("i", "am", "so", "happy", "leave", "me", "alone", "apple", "Apple", "last")
CHINESE = ("我", "好", "今", "天", "今天", "天气", "难过", "末")


@pytest.fixture(scope="session")
def english_vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """spaCy directory of English vectors; the last row belongs to the word "last"."""
    return make_vectors(tmp_path_factory.mktemp("vectors") / "en", "en", ENGLISH)


@pytest.fixture(scope="session")
def chinese_vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """spaCy directory of Chinese vectors, characters and words."""
    return make_vectors(tmp_path_factory.mktemp("vectors") / "zh", "zh", CHINESE)


@pytest.fixture(scope="session")
def bert_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random BERT with 64 positions; it knows letters, their continuations and some Han."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [*letters, *(f"##{c}" for c in letters), *"我好今天气难过。，！?.!"]
    return make_bert(tmp_path_factory.mktemp("bert") / "tiny", words)

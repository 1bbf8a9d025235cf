"""Rows of word vectors: what their start loads."""

import subprocess
import sys

IMPORTS_SPACY = """
import sys
from pipeline.rows.words import _torch_hidden
with _torch_hidden():
    import spacy
assert "torch" not in sys.modules, "spaCy brought torch along"
assert spacy.blank("en")("good day").text == "good day"
import torch  # can still be had afterwards
"""


def test_spacy_comes_without_torch_and_leaves_it_to_others() -> None:
    subprocess.run([sys.executable, "-c", IMPORTS_SPACY], check=True)

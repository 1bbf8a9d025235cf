"""What the demo's text encoders know: every token of the demo's sentences, and little more."""

import re

from pipeline.demo.sentences import sentences

PUNCTUATION = tuple(".,!?。，！？")


def words(language: str) -> list[str]:
    """The tokens of a language, sorted: lower-case words, for Chinese characters."""
    text = " ".join(sentences(language)).lower()
    found = set(re.findall(r"\w" if language == "zh" else r"\w+", text))
    return sorted(found | set(PUNCTUATION))


def word_pieces() -> list[str]:
    """The vocabulary of the tiny BERT: its special tokens, both languages, and single letters.

    Letters, alone and inside a word, spell what is not in the vocabulary.
    """
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [
        mark + chr(letter) for mark in ("", "##") for letter in range(ord("a"), ord("z") + 1)
    ]
    digits = [mark + str(digit) for mark in ("", "##") for digit in range(10)]
    known = dict.fromkeys([*special, *letters, *digits, *words("en"), *words("zh")])
    return list(known)

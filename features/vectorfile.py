"""Files of word vectors in text form, as GloVe's: a word and its numbers on each line."""

import logging
import warnings
from pathlib import Path


def convert(file: Path, directory: Path, language: str, made_from: str) -> tuple[int, int]:
    """Write the vectors of a file as a spaCy directory; returns how many, and how long each is.

    A first line of two numbers (word2vec's header) is understood. `made_from` is kept in meta.json.
    ValueError if the file holds no such vectors or spaCy has no tokenizer of the language.
    """
    import spacy
    from spacy.training.initialize import convert_vectors

    if not file.is_file():
        raise ValueError(f"{file}: no such file")
    try:
        nlp = spacy.blank(language)
    except ImportError as error:
        raise ValueError(
            f"language {language!r}: spaCy has no tokenizer for it; use xx for any language"
        ) from error
    logging.getLogger("spacy").setLevel(logging.WARNING)  # it tells of each file it reads
    try:
        with warnings.catch_warnings(action="ignore"):
            convert_vectors(nlp, file, truncate=0, prune=-1, name=made_from)
    except (ValueError, IndexError, OverflowError, RuntimeError) as error:  # empty: RuntimeError
        raise ValueError(
            f"{file}: expected a word and its numbers on each line, as many on all: {error}"
        ) from error
    count, width = nlp.vocab.vectors.shape
    if not count or not width:
        raise ValueError(f"{file}: no vectors in it; expected a word and its numbers on each line")
    nlp.meta["sources"] = [{"name": made_from, "url": "", "license": "", "author": ""}]
    nlp.to_disk(directory)
    return count, width

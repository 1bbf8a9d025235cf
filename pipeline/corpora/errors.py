"""The error of corpora."""


class CorpusError(ValueError):
    """A corpus is not as its reader expects it."""

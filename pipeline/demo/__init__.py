"""The embedded demo, so that `dvc repro` needs no network: synthetic speech, untrained encoders."""

from pipeline.demo.corpus import make_corpus
from pipeline.demo.models import make_models

__all__ = ["make_corpus", "make_models"]

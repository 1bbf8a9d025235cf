"""Fixtures that several parts of the test-suite share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

settings.register_profile("untimed", deadline=None)  # tests state laws, not speeds
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def emodb_dir() -> Path:
    """Emo-DB (a folder with `wav/`): real speech, that some tests use when it is there."""
    places = [os.environ.get("VCEMO_EMODB"), ROOT.parent / "shared" / "corpora" / "emodb"]
    for place in places:
        if place and (Path(place) / "wav").is_dir():
            return Path(place)
    pytest.skip(
        "Emo-DB is not here: set VCEMO_EMODB to a folder that holds its wav/ to run this test"
    )

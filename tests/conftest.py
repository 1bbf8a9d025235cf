"""Fixtures that several parts of the test-suite share."""

import os
import shutil
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests import tiny_models

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


@pytest.fixture(scope="session")
def random_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Multilingual Whisper with random weights."""
    return tiny_models.make_whisper(tmp_path_factory.mktemp("whisper") / "random")


@pytest.fixture(scope="session")
def fitted_whisper(request: pytest.FixtureRequest) -> Path:
    """Whisper that has the sentences of tests.tiny_models by heart."""
    return _kept(request.config, "fitted", tiny_models.fit_tones)


def _kept(config: pytest.Config, name: str, make: Callable[[Path], Path]) -> Path:
    """A model that takes long to make: once for all workers and runs, until its code changes."""
    assert config.cache is not None
    folder = config.cache.mkdir("models")
    code = blake2b(Path(tiny_models.__file__).read_bytes(), digest_size=8).hexdigest()
    model = folder / f"{name}-{code}"
    with FileLock(folder / f"{name}.lock"):
        if not model.exists():
            for old in folder.glob(f"{name}-*"):
                shutil.rmtree(old)
            make(folder / f"{name}-new").rename(model)
    return model

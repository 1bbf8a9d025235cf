"""Trees of all corpora, each made once."""

from pathlib import Path

import pytest

from tests.pipeline.corpora.trees import TREES


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reader -> folder in the layout of its corpus; tests copy before they change anything."""
    made = {}
    for reader, (build, _) in TREES.items():
        made[reader] = tmp_path_factory.mktemp(reader)
        build(made[reader])
    return made

"""A project folder to import into, and tones in place of speech."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from ruamel.yaml import YAML

from pipeline import layout, manifest, params
from pipeline.imports.importing import Request, run
from pipeline.imports.items import Options
from tests.projects import make_project


def tone(path: Path, number: int = 0, duration_s: float = 0.3) -> None:
    """A tone of its own for each number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(duration_s * 8000)) / 8000
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * (200 + 10 * number) * t), 8000)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, which is the current folder."""
    root = make_project(tmp_path / "project").root
    monkeypatch.chdir(root)
    return root


def bring_in(form: str, source: Path, name: str = "new", **more: Any) -> list[dict[str, Any]]:
    """Import a corpus and build its manifest: the rows, sorted by id."""
    labels, copy = more.pop("labels", {}), more.pop("copy", False)
    language = more.pop("language", None)
    run(Request(form, source, name, Options(**more), labels, language, copy))
    source_params = params.load().corpora[name]
    checks = params.load().manifest
    built = manifest.build(name, source_params, checks, workers=1)
    assert built.rejects.to_pylist() == []
    rows: list[dict[str, Any]] = built.utterances.to_pylist()
    return rows


def entry(name: str = "new") -> dict[str, Any]:
    """A corpus's entry of params.yaml."""
    found: dict[str, Any] = YAML(typ="safe").load(layout.PARAMS)["corpora"][name]
    return found

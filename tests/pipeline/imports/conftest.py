"""A project folder to import into, and tones in place of speech."""

import random
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, settings
from ruamel.yaml import YAML

from pipeline import layout, manifest, params
from pipeline.corpora import CorpusError
from pipeline.imports.importing import FORMATS, Request, run
from pipeline.imports.items import Options
from pipeline.imports.writing import write
from tests.pipeline.corpora.damage import damage
from tests.projects import make_project

METADATA = ("", ".scp", ".json", ".jsonl", ".gz", ".stm", ".yaml", ".csv")


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


FUZZED = settings(
    max_examples=20,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def require_items_or_message(form: str, source: Path, seed: int, below: str = "") -> None:
    """What an import may end in, whatever is wrong with a file of its source."""
    draw = random.Random(seed)
    root = source.parent / f"{source.name} changed"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(source, root)
    home, out = root / below, source.parent / "out"
    files = [path for path in sorted(home.rglob("*")) if path.suffix in METADATA and path.is_file()]
    damage(draw.choice(files), draw)
    shutil.rmtree(out, ignore_errors=True)
    try:
        items = import_module(FORMATS[form]).items(home, Options())
        assert write(out, items, {"source": str(home)}, copy=False) > 0
    except CorpusError as error:
        assert str(home) in str(error) or "recordings" in str(error)

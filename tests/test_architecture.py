"""The architecture, as tests: which way imports run, and that files agree on names."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from pipeline import cli, layout
from pipeline.corpora import READERS
from pipeline.stages import STAGES

ROOT = Path(__file__).parents[1]
PACKAGES = ("features", "pipeline", "training")
HEAVY = (
    "torch",
    "torchaudio",
    "transformers",
    "spacy",
    "librosa",
    "soundfile",
    "av",
    "numba",
    "scipy",
    "sklearn",
    "matplotlib",
    "duckdb",
    "ctranslate2",
    "whisper_ctranslate2",
)
ALLOWED_IN_TRAINING = {
    "training",
    "torch",
    "numpy",
    "pyarrow",
    "safetensors",
    *sys.stdlib_module_names,
}
DVC = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The top-level names a module imports anywhere, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.add(str(node.module).split(".")[0])
    return names


@pytest.mark.parametrize("path", modules("features"), ids=str)
def test_features_import_no_other_package_of_ours(path: Path) -> None:
    assert not imported(path) & {"pipeline", "training", "pyarrow", "dvc", "typer", "duckdb"}


@pytest.mark.parametrize("path", modules("training"), ids=str)
def test_training_needs_only_torch_numpy_pyarrow_and_safetensors(path: Path) -> None:
    assert imported(path) <= ALLOWED_IN_TRAINING


@pytest.mark.parametrize(
    "module", ["pipeline.cli", "pipeline.params", "pipeline.stages", "pipeline.experiment"]
)
def test_starting_a_stage_loads_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == ""


def test_every_stage_of_dvc_is_a_command_of_the_same_name() -> None:
    commands = get_command(cli.app).commands  # type: ignore[attr-defined]
    for name, stage in DVC.items():
        command = stage.get("do", stage)["cmd"].split()
        assert command[:2] == ["vcemo", name]
        assert name in commands


def test_every_feature_stage_is_a_stage_of_dvc_with_its_outputs() -> None:
    for name, stage in STAGES.items():
        outs = [next(iter(o)) if isinstance(o, dict) else o for o in DVC[name]["do"]["outs"]]
        expected = {
            layout.feature_catalog(stage.feature, "${key}"),
            layout.shards(stage.feature, "${key}"),
        }
        assert {Path(out) for out in outs} == expected


def test_every_feature_stage_depends_on_the_params_that_change_its_rows() -> None:
    for name, stage in STAGES.items():
        assert {*stage.sections, f"store.target_rows.{stage.feature}"} == set(
            DVC[name]["do"]["params"]
        )


def deps(stage: str) -> list[str]:
    """What a stage depends on; the corpus's own reader stands for every reader."""
    named = DVC[stage].get("do", DVC[stage])["deps"]
    return [
        d.replace("${item.reader}", r) for d in named for r in (READERS if "reader}" in d else "-")
    ]


def test_code_that_dvc_depends_on_exists() -> None:
    listed = [d for stage in DVC for d in deps(stage) if re.fullmatch(r".*\.py", d)]
    assert listed
    assert [d for d in listed if not (ROOT / d).is_file()] == []


def test_a_reader_is_the_module_of_its_name_as_dvc_expects() -> None:
    assert all(module == f"pipeline.corpora.{reader}" for reader, module in READERS.items())


# Modules of pipeline/ that stages need and dvc.yaml does not list. None of them makes a value, a
# key or the bytes of a shard: after a change in one of them the store is as good as before.
INFRASTRUCTURE = {
    "pipeline",  # packages, with nothing in them but a docstring
    "pipeline.demo",
    "pipeline.listing",
    "pipeline.packing",
    "pipeline.parameters",
    "pipeline.reporting",
    "pipeline.robustness",
    "pipeline.rows",
    "pipeline.splitting",
    "pipeline.backends",  # where a function runs; rows do not depend on it
    "pipeline.catalog",  # what the store holds; its stage lists it
    "pipeline.corpus",  # reads the manifest and rows that other stages made
    "pipeline.files",  # how files appear
    "pipeline.hub",  # fetches a model; which one it is, the row's key says by its revision
    "pipeline.layout",  # paths, which dvc.yaml states itself
    "pipeline.listing.summary",  # what the manifest stage prints
    "pipeline.params",  # reads params.yaml; the sections of a stage are dependencies of their own
    "pipeline.progress",  # a bar on a terminal
    "pipeline.query",  # opens what the catalog names
}


def named(path: Path) -> str:
    """The name a module is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {named(path): path for package in PACKAGES for path in modules(package)}


def imports(path: Path) -> set[str]:
    """Our modules that a module imports, in whichever way, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & MODULES.keys()


def is_of_rows(name: str) -> bool:
    """Whether a module says how the rows of a feature are made."""
    return name.startswith("pipeline.rows.")


def reached(start: set[str]) -> set[str]:
    """The modules of features/ and pipeline/ that some modules import, at any distance.

    Left out is infrastructure and what it alone needs, and, for a stage that makes no rows itself,
    the code of those that do: it depends on what they made.
    """
    beyond = INFRASTRUCTURE | {"features"}
    if not any(map(is_of_rows, start)):
        beyond |= set(filter(is_of_rows, MODULES))
    found: set[str] = set()
    waiting = set(start)
    while waiting:
        name = waiting.pop()
        found.add(name)
        needed = {n for n in imports(MODULES[name]) if not n.startswith("training")}
        waiting |= needed - found - beyond
    return found


def listed(stage: str) -> set[str]:
    """The modules that dvc.yaml says a stage depends on; a folder stands for all in it."""
    places = (ROOT / dep for dep in deps(stage))
    paths = [p for place in places for p in (place, *place.rglob("*.py"))]
    return {name for name, path in MODULES.items() if path in paths}


@pytest.mark.parametrize(
    "statement",
    [
        "from features import mel",
        "from features.mel import log_mel",
        "import features.mel",
        "import features.mel as m",
        "def f():\n    from features import mel as m",
        "from features import audio, mel",
    ],
)
def test_an_import_is_found_however_it_is_written(statement: str, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(statement)
    assert "features.mel" in imports(module)


@pytest.mark.parametrize("stage", DVC)
def test_dvc_lists_the_code_that_makes_a_stages_values(stage: str) -> None:
    start = listed(stage)
    if stage in STAGES:
        start |= {STAGES[stage].rows.__name__, "pipeline.shards"}  # type: ignore[attr-defined]
    assert reached(start) - listed(stage) == set()


def test_infrastructure_is_what_is_there_and_not_listed_by_feature_stages() -> None:
    assert MODULES.keys() >= INFRASTRUCTURE
    assert not any(INFRASTRUCTURE & listed(stage) for stage in STAGES)


def test_the_params_of_the_checkout_are_the_demo_profile() -> None:
    assert (ROOT / "params.yaml").read_bytes() == (ROOT / "profiles" / "demo.yaml").read_bytes()


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = {"utils", "helpers", "base", "common", "misc"}
    assert [p for package in PACKAGES for p in modules(package) if p.stem in vague] == []

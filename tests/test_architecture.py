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


def test_code_that_dvc_depends_on_exists() -> None:
    listed = [d for s in DVC.values() for d in s.get("do", s)["deps"] if re.fullmatch(r".*\.py", d)]
    assert listed
    assert [d for d in listed if not (ROOT / d).is_file()] == []


def reached(paths: set[Path]) -> set[Path]:
    """The modules of features/ that some modules import, at any distance."""
    found: set[Path] = set()
    waiting = set(paths)
    while waiting:
        path = waiting.pop()
        found.add(path)
        modules = re.findall(r"(?:from|import) (features(?:\.\w+)+)", path.read_text())
        files = {ROOT / f"{module.replace('.', '/')}.py" for module in modules}
        waiting |= {file for file in files if file.is_file()} - found
    return {path for path in found if path.relative_to(ROOT).parts[0] == "features"}


@pytest.mark.parametrize("stage", DVC)
def test_dvc_lists_the_code_that_makes_a_stages_values(stage: str) -> None:
    deps = {ROOT / d for d in DVC[stage].get("do", DVC[stage])["deps"] if d.endswith(".py")}
    assert reached(deps) - deps == set()


def test_the_params_of_the_checkout_are_the_demo_profile() -> None:
    assert (ROOT / "params.yaml").read_bytes() == (ROOT / "profiles" / "demo.yaml").read_bytes()


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = {"utils", "helpers", "base", "common", "misc"}
    assert [p for package in PACKAGES for p in modules(package) if p.stem in vague] == []

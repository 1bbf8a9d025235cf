"""Small projects in temporary folders, for tests that run real commands in them."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
SEARCH_PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
TEXTS = (
    "what a good day",
    "leave me alone",
    "I do not know",
    "we won the game",
    "it is raining again",
)
LABELS = ("angry", "happy", "neutral", "sad")


@dataclass(frozen=True)
class Project:
    """A folder with params.yaml, dvc.yaml and data, in which commands are run."""

    root: Path

    def run(
        self, *command: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment's bin folder; raises with its output when it fails."""
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=self.root,
            env=os.environ | {"PATH": SEARCH_PATH} | environment,
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def vcemo(
        self, *arguments: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `vcemo`."""
        return self.run("vcemo", *arguments, check=check, **environment)

    def set(self, **changes: object) -> None:
        """Change keys of params.yaml; `a__b=1` sets a.b."""
        path = self.root / "params.yaml"
        params = YAML().load(path)
        for key, value in changes.items():
            *parents, last = key.split("__")
            section = params
            for parent in parents:
                section = section[parent]
            section[last] = value
        YAML().dump(params, path)

    def files(self, folder: str) -> dict[str, bytes]:
        """All files under a folder with their bytes."""
        paths = (
            p
            for p in sorted((self.root / folder).rglob("*"))
            if p.is_file() and p.suffix != ".lock"
        )
        return {p.relative_to(self.root).as_posix(): p.read_bytes() for p in paths}

    def kept(self) -> dict[str, bytes]:
        """All data but what tells of this machine: its memory of recordings, its speed."""
        own = ("data/facts/", "data/speed/")
        return {n: b for n, b in self.files("data").items() if not n.startswith(own)}


def make_project(root: Path) -> Project:
    """A project with the demo's params and no corpus."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("params.yaml", "dvc.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, root / name)
    for folder in ("models", "predictions", "robustness"):  # git has what stages depend on
        (root / "data" / folder).mkdir(parents=True)
        shutil.copy(ROOT / "data" / folder / "README.md", root / "data" / folder)
    project = Project(root)
    project.set(demo={}, corpora={}, robustness={}, report={"notes": [], "expect": {}})
    return project


def add_corpus(
    project: Project, name: str, utterances: int, speakers: int = 4, first: int = 0
) -> None:
    """Add a table corpus of short tones in noise, with transcripts and labels, to a project.

    Args:
        first: number of the first recording; corpora with the same numbers hold the same sounds
    """
    folder = project.root / "data" / "raw" / name
    folder.mkdir(parents=True)
    add_recordings(project, name, range(first, first + utterances), speakers)
    corpora = YAML(typ="safe").load(project.root / "params.yaml")["corpora"]
    entry = {"reader": "table", "path": f"data/raw/{name}", "language": "en"}
    project.set(corpora={**corpora, name: entry})


def add_recordings(project: Project, name: str, numbers: range, speakers: int = 4) -> None:
    """Add recordings to a table corpus of a project; a number always gives the same recording."""
    folder = project.root / "data" / "raw" / name
    table = folder / "metadata.csv"
    lines = table.read_text().splitlines() if table.exists() else ["path,speaker,label,transcript"]
    for number in numbers:
        label = LABELS[number % len(LABELS)]
        text = f"{TEXTS[number % len(TEXTS)]} {number}"  # no two alike
        soundfile.write(folder / f"{number:04d}.wav", _tone(number), 16000, subtype="PCM_16")
        lines.append(f"{number:04d}.wav,s{number // len(LABELS) % speakers},{label},{text}")
    table.write_text("\n".join(lines) + "\n")


def _tone(number: int) -> np.ndarray:
    random = np.random.default_rng(number)
    t = np.arange(4000 + 400 * (number % 5)) / 16000
    return 0.3 * np.sin(2 * np.pi * (150 + 20 * number % 300) * t) + 0.01 * random.standard_normal(
        len(t)
    )

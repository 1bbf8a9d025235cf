"""Clones of the project under git and DVC, in which commands run the clone's own code."""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.projects import BIN, ROOT, SEARCH_PATH, Project, make_project

CODE = ("features", "pipeline", "training")
PATIENCE_S = 120
_SETTINGS = {  # one process and one thread; nothing of this machine's git and DVC settings
    "VCEMO_WORKERS": "1",
    "OMP_NUM_THREADS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **{f"GIT_{who}_NAME": "Test" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "test@example.org" for who in ("AUTHOR", "COMMITTER")},
}


@dataclass(frozen=True)
class Repro:
    """What `dvc repro` said."""

    ran: frozenset[str]  # stages whose command ran
    skipped: frozenset[str]  # stages found unchanged
    computed: dict[str, int]  # stage@item -> rows or models computed, of the stages that count
    reused: dict[str, int]


@dataclass(frozen=True)
class Clone(Project):
    """A git repository with the project in it."""

    def run(
        self, *command: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with the code of this clone."""
        return super().run(*command, check=check, **(self._environment | environment))

    def dvc(self, *arguments: str, check: bool = True) -> str:
        """Run `dvc`; returns what it printed."""
        return self.run("dvc", *arguments, check=check).stdout

    def git(self, *arguments: str) -> str:
        """Run `git`; returns what it printed."""
        program = shutil.which("git")
        assert program, "git is needed"
        return self.run(program, *arguments).stdout

    def commit(self, message: str) -> None:
        """Commit everything that git does not ignore."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def repro(self, *arguments: str) -> Repro:
        """Run `dvc repro`."""
        return _read(self.dvc("repro", *arguments))

    def repro_killed_in(self, stage: str, after_s: float) -> None:
        """Start `dvc repro`, and kill it and its stage some time after the stage began."""
        log = self.root.with_name(f"{self.root.name}-{stage}.log")
        with log.open("w") as out:
            child = subprocess.Popen(
                [BIN / "dvc", "repro"],
                cwd=self.root,
                env=os.environ | {"PATH": SEARCH_PATH} | self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + PATIENCE_S
        while f"Running stage '{stage}'" not in log.read_text():
            assert child.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        time.sleep(after_s)
        assert child.poll() is None, "the kill came too late"
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def lock(self) -> dict[str, Any]:
        """The stages of dvc.lock; DVC writes them in the order in which they first ran."""
        return dict(YAML(typ="safe").load(self.root / "dvc.lock")["stages"])

    def copy(self, root: Path) -> "Clone":
        """All of it, DVC's cache included."""
        shutil.copytree(self.root, root, symlinks=True)
        return Clone(root)

    def code(self) -> dict[str, set[str]]:
        """The files of code that each stage of dvc.lock depends on."""
        return {
            stage: {file for dep in entry["deps"] for file in self._python(dep["path"])}
            for stage, entry in self.lock().items()
        }

    def _python(self, path: str) -> set[str]:
        if path.startswith("data/"):
            return set()
        found = [self.root / path, *(self.root / path).rglob("*.py")]
        return {p.relative_to(self.root).as_posix() for p in found if p.suffix == ".py"}

    def restore(self, commit: str) -> None:
        """Go to a commit with everything that belongs to it."""
        self.git("checkout", "--quiet", commit)
        self.dvc("checkout")

    def fresh(self, root: Path, *, recordings: bool = True) -> "Clone":
        """What `git clone` brings elsewhere; the recordings, which are not in git, are copied."""
        self.git("clone", "--quiet", str(self.root), str(root))
        if recordings:
            shutil.copytree(self.root / "data" / "raw", root / "data" / "raw")
        return Clone(root)

    @property
    def _environment(self) -> dict[str, str]:
        settings = self.root.parent / "dvc-settings"
        return {
            **_SETTINGS,
            "PYTHONPATH": str(self.root),  # comes before the installed project
            "DVC_SITE_CACHE_DIR": str(settings / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(settings / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(settings / "system"),
        }


def make_clone(root: Path) -> Clone:
    """The project of this checkout in a new git repository, nothing committed yet, no corpus."""
    make_project(root)
    for package in CODE:
        ignored = shutil.ignore_patterns("__pycache__", ".tmp-*")
        shutil.copytree(ROOT / package, root / package, ignore=ignored)
    (root / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, root / ".dvc")
    clone = Clone(root)
    clone.git("init", "--quiet")
    return clone


def _read(output: str) -> Repro:
    counts = re.findall(r"^(\w+) ([\w-]+): (\d+) computed, (\d+) reused", output, re.MULTILINE)
    return Repro(
        ran=frozenset(re.findall(r"^Running stage '(.+)'", output, re.MULTILINE)),
        skipped=frozenset(re.findall(r"^Stage '(.+)' didn't change", output, re.MULTILINE)),
        computed={f"{stage}@{item}": int(n) for stage, item, n, _ in counts},
        reused={f"{stage}@{item}": int(n) for stage, item, _, n in counts},
    )

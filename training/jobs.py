"""The networks of a run as jobs, planned by content."""

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from training.cache import TensorCache
from training.checkpoint import describe_fold, untrained_model
from training.files import TEMPORARY
from training.fit import check_fit
from training.settings import RunSettings, files_of, networks_of

TRAINING_VERSION = 6  # raise it when the same settings train another model
_FOLDER = re.compile(r"\d+-\d+-[0-9a-f]{32}")


@dataclass(frozen=True)
class FoldJob:
    """One network of a fold: all that a worker needs to know."""

    run: RunSettings
    cache_dir: Path
    out_dir: Path
    fold: int
    network: int  # its number, by which it draws; see `networks_of`
    key: str  # names the content: settings, cache, fold, number, version of the code
    device: str
    trace: Path | None = None  # where a profile of its first steps goes

    @property
    def folder(self) -> Path:
        """Where the result goes."""
        return self.out_dir / f"{self.fold}-{self.network}-{self.key}"

    @property
    def saved(self) -> Path:
        """Where an unfinished course is kept."""
        return self.out_dir / f"{TEMPORARY}{self.folder.name}.course"


@dataclass(frozen=True)
class Ensemble:
    """The networks of one fold that answer together, for one seed of their run."""

    seed: int
    members: tuple[FoldJob, ...]

    @property
    def run(self) -> RunSettings:
        """The run they belong to."""
        return self.members[0].run

    @property
    def fold(self) -> int:
        """The fold they are all trained on."""
        return self.members[0].fold


def plan(
    run: RunSettings, cache: TensorCache, out_dir: Path, device: torch.device
) -> list[FoldJob]:
    """Every network of a run, by fold and seed.

    Raises:
        ValueError: the cache does not fit the run.
    """
    check_fit(cache, run)
    return [
        FoldJob(
            run=run,
            cache_dir=cache.folder,
            out_dir=out_dir,
            fold=fold,
            network=network,
            key=fold_key(run, cache, fold, network),
            device=str(device),
        )
        for fold in range(cache.folds(run.split))
        for network in networks_of(run)
    ]


def ensembles(jobs: Sequence[FoldJob]) -> list[Ensemble]:
    """The jobs of a run, as planned, by fold and seed of the run."""
    n = jobs[0].run.training.members
    starts = range(0, len(jobs), n)
    return [Ensemble(jobs[i].network // n, tuple(jobs[i : i + n])) for i in starts]


def fold_key(run: RunSettings, cache: TensorCache, fold: int, network: int) -> str:
    """32 hexadecimal digits of everything a fold's result depends on.

    Of the cache only what the run reads: other texts, splits or features change nothing.
    """
    files = sorted(files_of(run).values())
    described = describe_fold(run, cache, fold, network)
    del described["features"]  # how the files came about; their digests say what they hold
    content = {
        "version": TRAINING_VERSION,
        "files": {name: cache.meta["files"][f"{name}.safetensors"] for name in files},
        "rows": cache.rows_key(
            run.split,
            fold,
            heard="audio" in run.modalities,
            rated=run.training.regression is not None,
            timed="align" in files_of(run),
        ),
        **described,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def expected_work(run: RunSettings, cache: TensorCache) -> float:
    """How long a fold takes beside those of other runs: what is shown to it, by its weights."""
    record = {**describe_fold(run, cache, 0, networks_of(run)[0]), "vocabulary": []}
    with torch.device("meta"):
        model = untrained_model(record)
    weights = sum(p.numel() for p in model.parameters())
    shown = cache.frames.sum() if "audio" in run.modalities else len(cache.frames)
    passes = run.training.epochs * (2 if run.training.double_view else 1)
    return float(passes * weights * shown)


def unfinished(jobs: list[FoldJob]) -> list[FoldJob]:
    """The jobs whose folder is not there yet."""
    return [job for job in jobs if not job.folder.is_dir()]


def finish(out_dir: Path, jobs: list[FoldJob]) -> None:
    """Remove the folders of folds that are no longer wanted, and what a killed run left."""
    wanted = {job.folder.name for job in jobs}
    for path in sorted(out_dir.iterdir()):
        stale = _FOLDER.fullmatch(path.name) is not None and path.name not in wanted
        if stale or path.name.startswith(TEMPORARY):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

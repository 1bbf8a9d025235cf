"""Where things lie, relative to the project's root (the current directory of every stage)."""

from pathlib import Path

DATA = Path("data")
PARAMS = Path("params.yaml")
PROFILES = Path("profiles")
MODELS = DATA / "models"
HUB = DATA / "hub"  # models of the hub that this project fetched
CATALOG = DATA / "catalog.json"
FEATURE_CATALOGS = DATA / "catalog"
SPLITS = DATA / "splits"
PREDICTIONS = DATA / "predictions"
ROBUSTNESS = DATA / "robustness"
LOGS = DATA / "logs"  # of TensorBoard and the like, a folder per run
DOWNLOADED = Path("downloads.json")  # what was first downloaded; in git
REPORTS = Path("reports")
REPORT = REPORTS / "index.html"
FULL_REPORT = REPORTS / "full.html"  # with what DVC must not keep: sounds, the machine


def raw(corpus: str) -> Path:
    """Where a corpus lies, or a link to where it does."""
    return DATA / "raw" / corpus


def downloads(corpus: str) -> Path:
    """What was fetched of a corpus and is not unpacked yet."""
    return DATA / "downloads" / corpus


def manifest(corpus: str) -> Path:
    """The utterances of a corpus, one row each."""
    return DATA / "manifest" / f"{corpus}.parquet"


def rejects(corpus: str) -> Path:
    """What of a corpus could not be used, with the reason."""
    return DATA / "manifest" / f"{corpus}.rejects.parquet"


def facts(corpus: str) -> Path:
    """What the recordings of a corpus were found to be, on this machine: in no cache, no lock."""
    return DATA / "facts" / f"{corpus}.parquet"


def sounds(corpus: str) -> Path:
    """What the recordings of a corpus were heard to be, on this machine: in no cache, no lock."""
    return DATA / "facts" / f"{corpus}.sounds.parquet"


def shards(feature: str, corpus: str) -> Path:
    """The folder of the shards of one feature of one corpus."""
    return DATA / "store" / feature / corpus


def feature_catalog(feature: str, corpus: str) -> Path:
    """What one feature stage left in the store; written last."""
    return FEATURE_CATALOGS / corpus / f"{feature}.json"


def split(name: str) -> Path:
    """Fold and subset of every utterance under one split."""
    return SPLITS / f"{name}.parquet"


def cache(task: str) -> Path:
    """The tensor cache of a task."""
    return DATA / "cache" / task


def run(name: str) -> Path:
    """The trained models of a run, a folder per network of a fold."""
    return DATA / "runs" / name


def speed(run_name: str) -> Path:
    """How fast each epoch of a run was trained on this machine: in no cache, no lock."""
    return DATA / "speed" / f"{run_name}.csv"


def trace(run_name: str) -> Path:
    """A profile of a run's first steps, for Chrome or TensorBoard."""
    return DATA / "speed" / f"{run_name}.pt.trace.json"


def predictions(run_name: str) -> Path:
    """Class probabilities of a run's test utterances."""
    return PREDICTIONS / f"{run_name}.parquet"


def corpus_report(corpus: str) -> Path:
    """Pictures and metrics of a corpus."""
    return REPORTS / "corpora" / corpus


def robustness(run_name: str) -> Path:
    """Answers of a run under the conditions of its grids."""
    return ROBUSTNESS / f"{run_name}.parquet"


def run_report(run_name: str) -> Path:
    """Metrics and plots of a run, small enough for git."""
    return REPORTS / run_name

"""Whether a tensor cache holds what a run reads."""

from training.cache import TensorCache
from training.settings import RunSettings, files_of

OPTIONAL_FILES = {  # what a cache may lack, and how it is had
    "align": "choose a text source with times of words, as an ASR source has them",
    "bert": "set `bert.tokens: true` in params.yaml, or take a size with `bert: first` or `mean`",
}


def check_fit(cache: TensorCache, run: RunSettings) -> None:
    """Stop before training when the cache has not what the run asks for.

    Raises:
        ValueError: another task; no such text source, view or file.
    """
    meta = cache.meta
    if run.task != meta["task"]:
        raise ValueError(f"the run is for task {run.task!r}, {cache.folder} holds {meta['task']!r}")
    if {"words", "bert"} & set(run.modalities) and run.source not in meta["sources"]:
        known = meta["sources"]
        raise ValueError(f"{cache.folder} has no text source {run.source!r}, only {known}")
    for what, remedy in OPTIONAL_FILES.items():
        name = files_of(run).get(what)
        if name is not None and f"{name}.safetensors" not in meta["files"]:
            raise ValueError(
                f"{cache.folder} has no {name}.safetensors, which the model {run.model.name!r} of "
                f"run {run.name!r} reads: {remedy}"
            )
    if "audio" in run.modalities and run.training.view_probability > 0:
        absent = [view for view in run.training.views if not (cache.view == view).any()]
        if absent:
            raise ValueError(
                f"{cache.folder} has no views {absent}: switch them on in augment, or take them "
                "out of the run's training.views"
            )

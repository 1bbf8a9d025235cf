"""Whether a tensor cache was packed under the params that stand in params.yaml now."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.packing.made_with import made_with
from pipeline.packing.rows import PackError
from training.meta import FORMAT

if TYPE_CHECKING:
    from pipeline.params import Params


def require_current(folder: Path, params: "Params", task: str, split: str) -> None:
    """Stop before anything is trained on a cache of other classes, corpora, features or splits.

    Of the splits only that of the run counts. What lies in the corpora and in the folders of models
    is not looked at: `dvc repro` compares that by its hash.

    Raises:
        PackError: there is no cache, or it was packed under other params, the first of which is
            named.
    """
    path, again = folder / "meta.json", f"run `dvc repro pack@{task}`"
    if not path.is_file():
        raise PackError(f"{path}: missing, the task is not packed; {again}")
    meta = json.loads(path.read_text(encoding="utf-8"))
    if meta.get("format") != FORMAT:
        found = meta.get("format")
        raise PackError(f"{path} has format {found!r}, this version reads {FORMAT}; {again}")
    packed = {**meta["params"], "splits": {split: meta["params"]["splits"].get(split)}}
    languages = packed.get("words", {}).get("models", ())
    wanted = made_with(
        task, params.tasks[task], {split: params.splits[split]}, asdict(params), languages
    )
    if (first := next(_differences(packed, wanted, ""), None)) is not None:
        name, was, now = first
        raise PackError(
            f"{folder} was packed with {name} = {was!r}, params.yaml says {now!r}; {again}"
        )
    classes = list(params.tasks[task].task.classes)
    if meta["classes"] != classes:  # the same in another order
        raise PackError(
            f"{folder} was packed with tasks.{task}.classes in the order {meta['classes']}, "
            f"params.yaml has {classes}; {again}"
        )


def _differences(packed: Any, wanted: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """Dotted name, packed and wanted value of each parameter that is not the same in both."""
    if isinstance(packed, dict) and isinstance(wanted, dict):
        for key in sorted({*packed, *wanted}):
            below = f"{name}.{key}" if name else key
            yield from _differences(packed.get(key), wanted.get(key), below)
    elif packed != wanted:
        yield name, packed, wanted

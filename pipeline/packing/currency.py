"""Whether a tensor cache was packed under the params that stand in params.yaml now."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.packing.rows import PackError

if TYPE_CHECKING:
    from pipeline.params import Params


def require_current(folder: Path, params: "Params", task: str, split: str) -> None:
    """Stop before anything is trained on a cache of other classes, features or splits.

    What is compared is what meta.json tells; `dvc repro` compares everything by its hash.

    Raises:
        PackError: there is no cache, or it was packed under other params, which are named.
    """
    path, again = folder / "meta.json", f"run `dvc repro pack@{task}`"
    if not path.is_file():
        raise PackError(f"{path}: missing, the task is not packed; {again}")
    meta = json.loads(path.read_text(encoding="utf-8"))
    for name, packed, wanted in _pairs(meta, params, task, split):
        if packed != wanted:
            raise PackError(
                f"{folder} was packed with {name} = {packed!r}, params.yaml says "
                f"{wanted!r}; {again}"
            )


def _pairs(
    meta: Mapping[str, Any], params: "Params", task: str, split: str
) -> Iterator[tuple[str, Any, Any]]:
    """Name, packed and wanted value of each parameter that both sides tell."""
    wanted = _plain(params.tasks[task])
    packed = {name: meta.get(name) for name in ("classes", "sources")}
    yield f"tasks.{task}.classes", packed["classes"], list(params.tasks[task].task.classes)
    yield f"tasks.{task}.sources", packed["sources"], wanted["sources"]
    yield f"tasks.{task}.dimensions", meta.get("dimensions"), wanted["dimensions"]
    yield f"tasks.{task}.max_frames", meta.get("mel_max_frames"), wanted["max_frames"]
    protocol = meta.get("splits", {}).get(split, {}).get("protocol")
    yield f"splits.{split}.protocol", protocol, params.splits[split].protocol
    for section in ("audio", "augment", "mel", "bert"):
        made = meta.get("features", {}).get(section, {})
        for name, value in _plain(getattr(params, section)).items():
            if name in made:
                yield f"{section}.{name}", made[name], value


def _plain(section: Any) -> dict[str, Any]:
    """A dataclass as JSON would bring it back."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(section)))
    return found

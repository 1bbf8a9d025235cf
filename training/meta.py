"""meta.json, what a tensor cache says of itself; it is written last."""

import json
from pathlib import Path
from typing import Any

FORMAT = 4
META = "meta.json"
_KEYS = {
    "format", "task", "classes", "sources", "n_mels", "word_dim", "bert_dim", "mel_max_frames",
    "splits", "rows", "utterances", "features", "files", "key", "dimensions", "scales",
}  # fmt: skip


def read_meta(path: Path) -> dict[str, Any]:
    """The facts of a cache.

    Raises:
        ValueError: the file is missing, is no JSON, of another format, or lacks something.
    """
    if not path.is_file():
        raise ValueError(
            f"{path} is missing: the folder is no tensor cache, or packing did not finish"
        )
    try:
        meta: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if meta.get("format") != FORMAT:
        found = meta.get("format")
        raise ValueError(
            f"{path} has format {found!r}, this version reads {FORMAT}: pack the task again"
        )
    if missing := sorted(_KEYS - set(meta)):
        raise ValueError(f"{path} lacks {missing}")
    return meta

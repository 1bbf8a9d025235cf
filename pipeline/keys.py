"""Names made from content: a row's key says all that its value depends on.

    recipe = hash(feature, version, the parameters that change a value, model revision)
    key    = hash(recipe, key of what the row is computed from)

Only the JSON of declared values is hashed: never a pickle, a repr or source text.
"""

import json
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import Any

import pyarrow as pa

CHUNK = 1 << 16  # keys that are Python strings at a time: millions of them would fill the memory
KEY_BYTES = 16  # 128 bits: a billion rows collide with a probability of about 1e-21


def digest(*parts: bytes) -> str:
    """BLAKE2b-128 of `parts`, each preceded by its length, as 32 hexadecimal digits."""
    state = blake2b(digest_size=KEY_BYTES)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def key_of(value: Any) -> str:
    """The key of a value made of JSON types; mappings with the same items have the same key.

    >>> key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return digest(text.encode())


def recipe_key(feature: str, version: int, params: Any, model: str | None = None) -> str:
    """How rows of a feature are made; `params` and `model` (a revision) in JSON types."""
    return key_of({"feature": feature, "version": version, "params": params, "model": model})


def row_keys(recipe: str, parents: Iterable[str]) -> pa.ChunkedArray:
    """The keys of rows made by one recipe from rows (or audio) with the keys `parents`.

    Shape:
        parents: n strings -> string array [n], in the same order
    """
    prefix = blake2b(recipe.encode(), digest_size=KEY_BYTES)
    keys = map(partial(_row_key, prefix), parents)
    chunks = iter(lambda: list(islice(keys, CHUNK)), [])
    return pa.chunked_array((pa.array(chunk) for chunk in chunks), pa.string())


def strings(column: pa.ChunkedArray) -> Iterator[str]:
    """The values of a column of strings, made Python objects a chunk at a time."""
    return (value for chunk in column.chunks for value in chunk.to_pylist())


def _row_key(prefix: blake2b, parent: str) -> str:
    state = prefix.copy()
    state.update(parent.encode())
    return state.hexdigest()

"""Inner loops compiled by numba, once per machine rather than once per process.

numba would put its compiled code in `__pycache__` beside the source. A stage's code is a dependency
of that stage, so nothing may appear there: the code goes to the user's cache folder instead
(`$NUMBA_CACHE_DIR`, else `$XDG_CACHE_HOME/vcemo/numba`, else `~/.cache/vcemo/numba`). The first
process on a machine pays for compiling, every later one only loads.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Function = TypeVar("Function", bound=Callable[..., object])

_CONFIG_LOCK = threading.Lock()


def compiled(function: Function) -> Function:
    """The compiled form of a plain loop over arrays; compiling waits for the first call.

    Reductions keep the order in which they are written (no `fastmath`), so that results do not
    depend on the width of the machine's registers.
    """
    from numba import njit
    from numba.core import config

    with _CONFIG_LOCK:
        given = config.CACHE_DIR
        place = given or _own_cache_dir()
        try:
            config.CACHE_DIR = place  # read while the function is decorated, and only then
            return njit(cache=bool(place), error_model="numpy", nogil=True)(function)  # type: ignore[no-any-return]
        finally:
            config.CACHE_DIR = given


def _own_cache_dir() -> str:
    """A writable folder outside the project, or '' where there is none (then nothing is kept)."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    place = Path(root) / "vcemo" / "numba"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return ""
    return str(place) if os.access(place, os.W_OK) else ""

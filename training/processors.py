"""How many processors there are for this process, which may be fewer than the machine has."""

import math
import os
from pathlib import Path, PurePosixPath

MEMBERSHIP = Path("/proc/self/cgroup")  # the control groups this process is in
CGROUPS = Path("/sys/fs/cgroup")  # where those of version 2 are mounted


def processors(membership: Path = MEMBERSHIP, cgroups: Path = CGROUPS) -> int:
    """Those that this process may run on, as `taskset` sets; in a container no more than its share
    of their time, as `docker run --cpus` sets, rounded up so that no part of it stands idle.

    Only control groups of version 2 are asked for that share.
    """
    allowed = getattr(os, "sched_getaffinity", None)  # not everywhere
    count = len(allowed(0)) if allowed else os.cpu_count() or 1
    return math.ceil(min(count, _share(membership, cgroups)))


def _share(membership: Path, cgroups: Path) -> float:
    """Processors' worth of time: the least of this process's control group and those around it."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # no Linux
        return math.inf
    groups = [PurePosixPath(line[3:]) for line in lines if line.startswith("0::")]
    limits = [
        cgroups.joinpath(*place.parts[1:], "cpu.max")
        for group in groups
        for place in (group, *group.parents)
    ]
    return min((_limit(path) for path in limits if path.is_file()), default=math.inf)


def _limit(path: Path) -> float:
    """A `cpu.max` holds microseconds of time in each period of so many, or `max` for no limit."""
    quota, period = path.read_text().split()
    return math.inf if quota == "max" else int(quota) / int(period)

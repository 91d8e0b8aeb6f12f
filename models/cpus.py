"""How many cores this process may keep busy.

The machine's count is the wrong answer inside a container: threads beyond its share are stopped by the kernel for the
rest of each period, which costs more than they bring.
"""

import math
import os
from pathlib import Path

__all__ = ["usable_cpus"]

_CGROUPS = Path("/sys/fs/cgroup")


def usable_cpus(*, cgroups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Cores of this process's affinity, or of its control group's quota where that is less; at least 1.

    A quota of one and a half cores counts as two: the half would be idle otherwise.

    Args:
        cgroups: where control groups of version 2, or of version 1 with its folder `cpu`, are mounted.
        own: which of them this process is in. Inside a container the path is often the host's and not there; its
            parents up to the mount are looked at, and limit too.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _folders(cgroups, own) if (quota := _quota(folder)) is not None]
    return max(1, min([allowed, *(math.ceil(quota) for quota in quotas)]))


def _folders(cgroups: Path, own: Path) -> list[Path]:
    """Every control group that this process is in, and those around them."""
    found = [cgroups, cgroups / "cpu"]
    for line in _text(own).splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        root = cgroups / "cpu" if "cpu" in controllers.split(",") else cgroups
        if controllers and root == cgroups:
            continue
        inside = Path(path.lstrip("/"))
        if ".." not in inside.parts:
            found += [root / each for each in (inside, *inside.parents)]
    return list(dict.fromkeys(found))


def _quota(folder: Path) -> float | None:
    """Cores, None where nothing is limited: version 2 has "quota period" or "max period", version 1 two files."""
    words = _text(folder / "cpu.max").split() or [
        _text(folder / "cpu.cfs_quota_us").strip(),
        _text(folder / "cpu.cfs_period_us").strip(),
    ]
    try:
        quota, period = (float(word) for word in words)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""

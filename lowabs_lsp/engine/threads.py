"""How many threads a model may use: one for each physical core that this process may run on."""

import math
import os
from collections.abc import Iterable
from pathlib import Path

MOST = 8
"""A small model's steps are too short for more threads to pay for their hand-overs."""


def choose_threads(setting: int) -> int:
    """`setting` within the machine's limits; 0 chooses."""
    cores = min(physical_cores(), cgroup_limit())
    return max(1, min(setting or MOST, cores))


def physical_cores(topology: Path = Path("/sys/devices/system/cpu")) -> int:
    """Cores that the process's affinity allows; hyper-threads of one core count once where the system tells (Linux)."""
    processors = allowed_processors()
    cores = {_siblings(topology / f"cpu{n}/topology/thread_siblings_list", n) for n in processors}
    return len(cores)


def allowed_processors() -> Iterable[int]:
    """Logical processors of this process's affinity mask, or all where there is no such mask."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _siblings(path: Path, processor: int) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return str(processor)


def cgroup_limit(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Whole processors that the control group grants (versions 2 and 1), at least one; very many without a limit."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        quota, period = _cgroup_1(root)
    if not quota.isdigit() or int(period) <= 0:  # "max" and "-1" mean no limit
        return 1 << 20
    return max(1, math.floor(int(quota) / int(period)))


def _cgroup_1(root: Path) -> tuple[str, str]:
    try:
        folder = root / "cpu"
        return (folder / "cpu.cfs_quota_us").read_text().strip(), (folder / "cpu.cfs_period_us").read_text().strip()
    except OSError:
        return "max", "1"

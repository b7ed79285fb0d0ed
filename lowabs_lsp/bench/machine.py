"""What a benchmark says of the machine: its processor, the memory of this process, and how fast its memory and units are."""

import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

READ_BYTES = 96 << 20
"""For each thread: more than the caches hold."""

SQUARE = 1024
"""Rows and columns of the matrices whose product tells the multiply-add rate."""


def describe_machine() -> str:
    """Processor and system, as far as they tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return f"{names[0] if names else platform.processor() or platform.machine()}, {platform.system()}"


def free_memory() -> int:
    """Bytes that can be had without swapping; half of all where the system does not tell; 4 GB where it tells nothing."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(fields["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return 4 << 30


def load_per_core() -> float:
    """Programs that wanted a core during the last minute, for each core; 0 where the system does not tell."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0


def peak_resident_mb() -> float:
    """Of this process since it began; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def read_bandwidth(threads: int, repeats: int = 7, size: int = READ_BYTES) -> float:
    """Bytes a second that `threads` threads read from memory together, at their best."""
    blocks = [np.ones(size // 4, np.float32) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        fastest = best_of(repeats, lambda: list(pool.map(np.max, blocks)))
    return size * threads / fastest


def multiply_add_rate(repeats: int = 7, size: int = SQUARE) -> float:
    """Multiply-adds a second of numpy's float32 matrix product, on as many threads as its library takes."""
    matrix = np.ones((size, size), np.float32)
    return float(size**3 / best_of(repeats, lambda: matrix @ matrix))


def best_of(repeats: int, action: Callable[[], object]) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return min(times)


def forget_cached(folder: Path) -> None:
    """Ask the system to read the files of `folder` from the disk when they are next used (Linux)."""
    if not hasattr(os, "posix_fadvise"):
        return
    for file in folder.iterdir():
        if file.is_file():
            with file.open("rb") as stream:
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def peak_resident_mb_of(process: int) -> float:
    """Of another process since it began (Linux); 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 2**10 for line in lines if line.startswith("VmHWM")), 0.0)

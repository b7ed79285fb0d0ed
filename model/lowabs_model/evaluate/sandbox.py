"""Run a program that nobody has read: in a process of its own, with limits, in a fresh directory, without a network."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from lowabs_model.evaluate import sandboxed

SECONDS = 5
"""Of processor time; of the clock it is three times as much, for a busy machine."""


class Verdict(StrEnum):
    """How a program ended."""

    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"


def run_program(program: str, *, seconds: int = SECONDS) -> Verdict:
    """Run Python source to its end. What it prints is lost, and so is what it writes.

    Limits are on processor time, memory, size and number of files. The network is another one, with nothing in it, where
    Linux allows that; everywhere the interpreter itself refuses sockets, processes, and writing elsewhere. This stops
    accidents of a language model. It is no wall against an attacker.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True) as folder:
        home = Path(folder, "home")
        home.mkdir()
        file = Path(folder, "program.py")
        file.write_text(program, encoding="utf-8", errors="surrogatepass")
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", sandboxed.__file__, str(file), str(seconds)],
            cwd=home,
            env={"PATH": os.defpath, "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return _wait(child, 3 * seconds)


def run_programs(programs: Iterable[str]) -> list[Verdict]:
    """Their verdicts, in order; as many at once as there are processors."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(run_program, programs))


def _wait(child: "subprocess.Popen[bytes]", seconds: float) -> Verdict:
    try:
        code = child.wait(seconds)
    except subprocess.TimeoutExpired:
        return Verdict.TIMEOUT
    finally:
        _end(child)
    if code == sandboxed.PASSED:
        return Verdict.PASSED
    return (
        Verdict.TIMEOUT if code == -getattr(signal, "SIGXCPU", 0) or code == -getattr(signal, "SIGKILL", 0) else Verdict.FAILED
    )


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Whatever it has started goes with it."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait()

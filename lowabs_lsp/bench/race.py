"""Runs contenders side by side: each in a process of its own, asked in turn, so that a slow moment hits none of them alone."""

import json
import logging
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any

import cattrs
from attrs import define, field, frozen

from lowabs_lsp.bench.contender import Task
from lowabs_lsp.errors import BenchError

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.03
"""Between two contenders: threads that some libraries keep spinning after a run come to rest."""


@frozen
class Entry:
    """Who takes part."""

    name: str
    command: tuple[str, ...]
    """What starts its process."""


@frozen
class Asked:
    """A step that every contender runs which knows its kind."""

    name: str
    kind: str
    count: int
    times: int = 1
    """In a row each round, for steps that in use come one after another too."""


@define
class Result:
    """What came of one contender; the race writes it."""

    name: str
    start_ms: float = 0.0
    """From the start of its process until its model could run."""
    peak_resident_mb: float = 0.0
    fault: str = ""
    """Why it dropped out."""
    timings: dict[str, list[float]] = field(factory=dict)
    """Milliseconds by step."""
    found: dict[str, list[Any]] = field(factory=dict)
    """What steps returned, by step, a round at a time."""


class Contender:
    """The asking side of a process that attends to `bench.contender`. Raises BenchError when it does not."""

    def __init__(self, entry: Entry, process: "subprocess.Popen[str]", errors: IO[str], task: Task) -> None:
        self.name = entry.name
        self._process, self._errors = process, errors
        began = time.perf_counter()
        self.kinds = self._ask(cattrs.unstructure(task))["kinds"]
        self.start_ms = 1e3 * (time.perf_counter() - began)
        self.peak_resident_mb = 0.0

    def run(self, step: Asked) -> tuple[list[float], Any]:
        """Milliseconds of each time, and what the last one returned."""
        answer = self._ask({"kind": step.kind, "count": step.count, "times": step.times})
        self.peak_resident_mb = answer["peak_resident_mb"]
        return answer["ms"], answer["found"]

    def _ask(self, content: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(content) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines()[-1:]
            raise BenchError(f"{self.name} ended early: {' '.join(last) or 'it said nothing'}")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed


@contextmanager
def contending(entry: Entry, task: Task) -> Iterator[Contender]:
    """Start one, and end its process behind it."""
    environment = os.environ | {"OMP_NUM_THREADS": str(task.threads)}
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile("w+", errors="replace") as errors,
        subprocess.Popen(entry.command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=environment) as process,
    ):
        try:
            yield Contender(entry, process, errors, task)
        finally:
            assert process.stdin is not None
            process.stdin.close()  # which ends it
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def race(entries: Sequence[Entry], steps: Sequence[Asked], task: Task, rounds: int) -> list[Result]:
    """Let each contender run each step it knows, once to warm up and then once a round; who fails drops out, with its fault."""
    with ExitStack() as stack:
        running, results = list[tuple[Contender, Result]](), list[Result]()
        for entry in entries:
            try:
                contender = stack.enter_context(contending(entry, task))
            except BenchError as error:
                results.append(Result(entry.name, fault=str(error)))
            else:
                results.append(Result(entry.name, contender.start_ms))
                running.append((contender, results[-1]))
        for turn in range(rounds + 1):
            log.info("round=%d of=%d", turn, rounds)
            for step in steps:
                for contender, result in running:
                    if step.kind in contender.kinds and not result.fault:
                        _take_part(contender, result, step, is_warm=turn > 0)
        return results


def _take_part(contender: Contender, result: Result, step: Asked, *, is_warm: bool) -> None:
    time.sleep(PAUSE_SECONDS)
    try:
        took, what = contender.run(step)
    except BenchError as error:
        result.fault = str(error)
        return
    result.peak_resident_mb = contender.peak_resident_mb
    if is_warm:
        result.timings.setdefault(step.name, []).extend(took)
        result.found.setdefault(step.name, []).append(what)


def start_time(entry: Entry, task: Task, first: Asked) -> float:
    """Milliseconds from the start of a process to the end of its first step."""
    began = time.perf_counter()
    with contending(entry, task) as contender:
        contender.run(first)
        return 1e3 * (time.perf_counter() - began)


def ask_once(entry: Entry, task: Task, step: Asked) -> Any:
    """What a contender of its own finds in one step that takes no part in the race."""
    with contending(entry, task) as contender:
        return contender.run(step)[1]


def summary(times: Sequence[float]) -> dict[str, float]:
    """Of one step's times."""
    return {"minimum_ms": min(times), "median_ms": statistics.median(times), "repeated": len(times)}

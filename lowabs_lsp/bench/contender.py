"""One model in a process of its own that runs what a benchmark asks for, a JSON line at a time: the side that runs."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import cattrs
from attrs import frozen

from lowabs_lsp.bench.machine import peak_resident_mb


@frozen
class Edit:
    """A place in a file that somebody types in; each one's prefix is the one before it and a dozen tokens."""

    path: str
    prefix: str
    suffix: str
    tokens: list[int]
    """The whole prompt as our own layout writes it."""


@frozen
class Task:
    """What every contender is told before it starts."""

    threads: int
    tokens: list[int]
    """A text that is longer than all that is asked for."""
    behind: int
    """How many of `tokens` stand before those that are decoded or verified."""
    edits: list[Edit]
    line_tokens: int
    """Tokens of a line at most."""
    line_ends: list[int]
    """The tokens with which a line may end, for those who know ids only."""


Step = Callable[[int], object]
"""Runs the model once; the number says how much of it. What it returns is passed on and must be JSON-able."""

Steps = dict[str, Step]
"""What a contender can do, by kind: `prefill`, `verify` (1 is decoding), `batch`, `edit`, ..."""


def attend(start: Callable[[Task], Steps]) -> None:
    """Read the task, start the model, then run steps until the input ends. Standard output belongs to the protocol."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    task = cattrs.structure(json.loads(sys.stdin.readline()), Task)
    steps = start(task)
    _say(answers, {"kinds": sorted(steps)})
    for line in sys.stdin:
        asked = json.loads(line)
        _say(answers, run(steps[asked["kind"]], asked["count"], asked["times"]) | {"peak_resident_mb": peak_resident_mb()})


def run(step: Step, count: int, times: int) -> dict[str, Any]:
    """Run one step so many times in a row; milliseconds of each, and what the last one returned."""
    took: list[float] = []
    found: object = None
    for _ in range(times):
        began = time.perf_counter()
        found = step(count)
        took.append(1e3 * (time.perf_counter() - began))
    return {"ms": took, "found": found}


def _say(answers: TextIO, content: dict[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


def line_length(tokens: Sequence[int], task: Task) -> int:
    """How many of the generated `tokens` belong to the line, its end included."""
    ends = (n for n, token in enumerate(tokens, 1) if token in task.line_ends)
    return min(next(ends, len(tokens)), task.line_tokens)

import re
import sys
from pathlib import Path

import pytest

from lowabs_lsp.bench.contender import Task
from lowabs_lsp.bench.machine import best_of, forget_cached, multiply_add_rate, peak_resident_mb_of, read_bandwidth
from lowabs_lsp.bench.race import Asked, Entry, ask_once, race, start_time, summary
from lowabs_lsp.errors import BenchError

TASK = Task(threads=1, tokens=[1, 2, 3], behind=1, edits=[], line_tokens=4, line_ends=[])

ECHO = """
import sys
from lowabs_lsp.bench.contender import attend
def start(task):
    print("libraries print")
    return {"count": lambda n: n + len(task.tokens), **({"extra": lambda n: "only " + NAME} if NAME == "b" else {})}
NAME = sys.argv[1]
attend(start)
"""


def entry(name: str, program: str = ECHO) -> Entry:
    return Entry(name, (sys.executable, "-c", program, name))


def test_each_contender_runs_the_steps_that_it_knows() -> None:
    steps = [Asked("count 5", "count", 5, times=3), Asked("extra", "extra", 0)]
    first, second = race([entry("a"), entry("b")], steps, TASK, rounds=2)
    assert (first.found, second.found) == ({"count 5": [8, 8]}, {"count 5": [8, 8], "extra": ["only b"] * 2})
    assert len(first.timings["count 5"]) == 6
    assert min(first.timings["count 5"]) >= 0
    assert first.start_ms > 0
    assert first.peak_resident_mb > 1


def test_one_step_alone() -> None:
    assert ask_once(entry("b"), TASK, Asked("extra", "extra", 0)) == "only b"
    assert start_time(entry("b"), TASK, Asked("extra", "extra", 0)) > 0


@pytest.mark.parametrize(
    "program", ["raise SystemExit('no such library')", "import sys; sys.stdin.readline(); sys.exit('no such library')"]
)
def test_who_cannot_start_says_why_and_the_others_go_on(program: str) -> None:
    peer, other = race([entry("peer", program), entry("a")], [Asked("count 5", "count", 5)], TASK, rounds=1)
    assert re.fullmatch(r"peer ended early: .*no such library", peer.fault)
    assert (other.fault, other.found) == ("", {"count 5": [8]})


def test_who_fails_in_the_middle_drops_out() -> None:
    program = ECHO.replace("n + len(task.tokens)", "1 // n")
    steps = [Asked("count 1", "count", 1), Asked("count 0", "count", 0), Asked("count 2", "count", 2)]
    (failed,) = race([entry("a", program)], steps, TASK, rounds=2)
    assert "ZeroDivisionError" in failed.fault
    with pytest.raises(BenchError, match="ZeroDivisionError"):
        ask_once(entry("a", program), TASK, Asked("count 0", "count", 0))


def test_a_summary_has_the_least_and_the_middle() -> None:
    assert summary([3.0, 1.0, 2.0]) == {"minimum_ms": 1.0, "median_ms": 2.0, "repeated": 3}


def test_the_machine_is_measured(tmp_path: Path) -> None:
    assert read_bandwidth(2, repeats=1, size=1 << 20) > 1e6
    assert multiply_add_rate(repeats=1, size=64) > 1e6
    calls: list[int] = []
    assert best_of(3, lambda: calls.append(1)) >= 0
    assert len(calls) == 3
    (tmp_path / "file").write_bytes(b"x")
    forget_cached(tmp_path)
    assert (tmp_path / "file").read_bytes() == b"x"


def test_a_process_that_is_gone_has_no_memory() -> None:
    assert peak_resident_mb_of(2**22 + 1) == 0

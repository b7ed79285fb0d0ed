"""MBPP (Austin et al. 2021, arXiv 2108.07732): a function from one sentence and its tests, pass@1."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from lowabs_lsp.values import Engine
from lowabs_model.evaluate.infilling import evenly, mean
from lowabs_model.evaluate.items import Skipped, read_items, text_of
from lowabs_model.evaluate.sandbox import Verdict, run_programs
from lowabs_model.evaluate.serving import Hole, fill_whole, settings_of

STOP = ("\nclass ", "\nassert", '\n"""', "\nprint", "\nif ", "\n#")
"""Where the function has ended, as bigcode-evaluation-harness has it."""


@frozen
class Problem:
    """One sentence, and Python that raises when a function is wrong."""

    prompt: str
    tests: tuple[str, ...]
    setup: str

    @property
    def opening(self) -> str:
        """The sentence and the tests as a docstring: the prompt of InCoder (arXiv 2204.05999)."""
        return '"""\n' + "\n".join((self.prompt, *self.tests)) + '\n"""\n'


@frozen
class MbppReport:
    """Shares are from 0 to 1."""

    items: int
    pass_at_1: float
    compiles: float
    """Of the answers, how many are Python at all."""
    skipped: tuple[Skipped, ...]


def parse_problem(raw: dict[str, Any]) -> Problem:
    """One line of `mbpp.jsonl`, or of a copy with `prompt` and `test`. Raises ValueError."""
    tests = raw.get("test_list", raw.get("test"))
    if not isinstance(tests, list) or not all(isinstance(test, str) for test in tests):
        raise ValueError("has no list of tests")
    return Problem(text_of(raw, "text" if "text" in raw else "prompt"), tuple(tests), text_of(raw, "test_setup_code", ""))


def evaluate_mbpp(engine: Engine, file: Path, *, limit: int | None = None) -> MbppReport:
    """Write the functions and run their tests. Raises BenchmarkError."""
    problems, skipped = read_items(file, parse_problem)
    chosen: Sequence[Problem] = evenly(problems, limit)
    fill = fill_whole(engine, settings_of(), STOP)
    answers = [fill(Hole("main.py", problem.opening, "")) for problem in chosen]
    programs = ["\n".join((p.setup, answer, *p.tests)) for p, answer in zip(chosen, answers, strict=True)]
    passed = [verdict == Verdict.PASSED for verdict in run_programs(programs)]
    return MbppReport(len(chosen), mean(passed), mean(map(is_python, answers)), tuple(skipped))


def is_python(text: str) -> bool:
    """Whether `text` compiles, and is not empty."""
    try:
        compile(text, "answer", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return bool(text.strip())

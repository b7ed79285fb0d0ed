"""Everything at once: each benchmark that lies on this machine, as one report; for the others, where to get them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from lowabs_lsp.engine.bundle import default_folder
from lowabs_lsp.engine.local import LocalEngine
from lowabs_lsp.errors import LowabsError
from lowabs_model.evaluate.bits import evaluate_bits
from lowabs_model.evaluate.infilling import evaluate_infilling
from lowabs_model.evaluate.items import BenchmarkError
from lowabs_model.evaluate.lines import evaluate_lines
from lowabs_model.evaluate.mbpp import evaluate_mbpp
from lowabs_model.evaluate.nl2bash import evaluate_nl2bash
from lowabs_model.evaluate.repositories import find_trees

Report = dict[str, Any]
"""As JSON; shares are from 0 to 1."""


@frozen
class Part:
    """One benchmark of the suite."""

    name: str
    source: str
    """Where its data come from, and where they belong."""
    run: Callable[["Given"], Any]


@frozen
class Given:
    """What the parts run on. `limit` is a factor on how much each of them does; 1 is some minutes on two processors."""

    engine: LocalEngine
    bundle: Path
    benchmarks: Path
    repositories: Path
    limit: float

    def times(self, count: int) -> int:
        """So many items, as the limit has it."""
        return max(1, round(count * self.limit))

    def file(self, *names: str) -> Path:
        """The first of these that lies in the folder of benchmarks. Raises BenchmarkError."""
        for name in names:
            if (self.benchmarks / name).exists():
                return self.benchmarks / name
        raise BenchmarkError(f"{self.benchmarks / names[0]} is not there")


INFILLING = "https://github.com/openai/human-eval-infilling (folder data)"
HELD_OUT = "git clone what model/sources.tsv calls held-out, at the commits named there, into the folder of --repositories"


def parts() -> tuple[Part, ...]:
    """In the order of the table."""
    return (
        Part("bits per byte", HELD_OUT, lambda g: evaluate_bits(g.bundle, _trees(g), bytes_per_language=g.times(40_000))),
        Part("lines", HELD_OUT, lambda g: evaluate_lines(g.engine, _trees(g), limit=g.times(30))),
        Part("single line", INFILLING, lambda g: _infilling(g, "SingleLineInfilling", 400)),
        Part("single line, model alone", INFILLING, lambda g: _infilling(g, "SingleLineInfilling", 400, memory=False)),
        Part("multi-line", INFILLING, lambda g: _infilling(g, "MultiLineInfilling", 60)),
        Part("random span", INFILLING, lambda g: _infilling(g, "RandomSpanInfillingLight", 60)),
        Part("MBPP", "https://github.com/google-research/google-research/tree/master/mbpp (mbpp.jsonl)", _mbpp),
        Part("NL2Bash", "https://github.com/TellinaTool/nl2bash (folder data/bash)", _nl2bash),
    )


def evaluate_all(
    model: Path | None, *, benchmarks: Path, repositories: Path, limit: float, told: Callable[[str], None]
) -> Report:
    """Run every part; one whose data are missing says where to get them, and the next one follows."""
    folder = model or default_folder()
    given = Given(LocalEngine.open(folder), folder, benchmarks, repositories, limit)
    report: Report = {"model": given.engine.description, "limit": limit, "scores": {}, "missing": {}, "seconds": {}}
    for part in parts():
        told(part.name)
        with _timed(report["seconds"], part.name):
            try:
                report["scores"][part.name] = as_json(part.run(given))
            except LowabsError as error:
                report["missing"][part.name] = f"{error}; get it from {part.source}"
    return report


def as_json(scores: Any) -> Any:
    """Values of ours, and lists and dictionaries of them, as what JSON has."""
    if hasattr(scores, "__attrs_attrs__"):
        return asdict(scores)
    if isinstance(scores, dict):
        return {key: as_json(value) for key, value in scores.items()}
    return [as_json(value) for value in scores] if isinstance(scores, list) else scores


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - began, 1)


def _trees(given: Given) -> Sequence[Path]:
    return find_trees(given.repositories)


def _infilling(given: Given, name: str, count: int, *, memory: bool = True) -> Any:
    file = given.file(f"human-eval-infilling/HumanEval-{name}.jsonl.gz", f"human-eval-infilling/HumanEval-{name}.jsonl")
    return evaluate_infilling(given.engine, file, limit=given.times(count), memory=memory)


def _mbpp(given: Given) -> Any:
    return evaluate_mbpp(given.engine, given.file("mbpp/mbpp_test.jsonl", "mbpp/mbpp.jsonl"), limit=given.times(50))


def _nl2bash(given: Given) -> Any:
    return evaluate_nl2bash(given.engine, given.file("nl2bash/all.nl").parent, limit=given.times(200))

"""Fill-in-the-middle benchmarks: exact match in any language, and pass@1 where an item brings its unit test."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from lowabs_lsp.bench.replay.judgement import edit_similarity
from lowabs_lsp.values import Engine
from lowabs_model.evaluate.items import Skipped, read_items, text_of
from lowabs_model.evaluate.sandbox import Verdict, run_programs
from lowabs_model.evaluate.serving import Fill, Hole, fill_shown, fill_whole, settings_of

FORMS = ("line", "shown", "whole")
"""One line; what an editor shows, which may be a block; everything until the model closes the hole."""

_PATHS = {
    "python": "main.py",
    "py": "main.py",
    "js": "main.js",
    "ts": "main.ts",
    "sh": "main.sh",
    "rs": "main.rs",
    "cs": "main.cs",
}
_PATHS |= {
    "javascript": "main.js",
    "typescript": "main.ts",
    "java": "Main.java",
    "go": "main.go",
    "rust": "main.rs",
    "cpp": "main.cpp",
}
_PATHS |= {
    "c++": "main.cpp",
    "c": "main.c",
    "c#": "Main.cs",
    "bash": "main.sh",
    "shell": "main.sh",
    "ruby": "main.rb",
    "rb": "main.rb",
}


@frozen
class InfillingItem:
    """One hole, what belongs there, and how to find out whether something else does as well."""

    task: str
    hole: Hole
    solution: str
    gap: str
    """A line end that the hole has and the item's texts have not: the line that is missing was cut out with its own."""
    test: str = ""
    """Python that raises when the completed program is wrong."""

    def program(self, completion: str) -> str:
        """What is to be run."""
        return f"{self.hole.prefix}{completion}{self.hole.suffix}\n{self.test}"


@frozen
class InfillingResult:
    """What came of one item."""

    task: str
    language: str
    completion: str
    exact: bool
    similarity: float
    passed: bool | None
    """None where the item has no test."""


@frozen
class InfillingReport:
    """One file of items. All shares are from 0 to 1."""

    benchmark: str
    form: str
    memory: bool
    items: int
    exact_match: float
    """Equal but for blanks around them."""
    exact_match_by_language: dict[str, float]
    edit_similarity: float
    pass_at_1: float | None
    """Of the items that have a test."""
    answered: float
    """Of the items, how many were given anything at all."""
    skipped: tuple[Skipped, ...]
    results: tuple[InfillingResult, ...]


def parse_item(raw: dict[str, Any]) -> InfillingItem:
    """One line of a file. Raises ValueError that says what is wrong with it."""
    prompt, suffix = text_of(raw, "prompt"), text_of(raw, "suffix")
    solution = text_of(raw, "canonical_solution")
    gap = "\n" if (not prompt or prompt.endswith("\n")) and suffix and not suffix.startswith(("\n", "\r")) else ""
    test, entry_point = text_of(raw, "test", ""), text_of(raw, "entry_point", "")
    if test and not entry_point:
        raise ValueError("has a 'test' and no 'entry_point'")
    check = f"{test}\ncheck({entry_point})\n" if test else ""
    hole = Hole(_path_of(raw, has_test=bool(test)), prompt, gap + suffix)
    return InfillingItem(str(raw.get("task_id", raw.get("name", ""))), hole, solution, gap, check)


def _path_of(raw: dict[str, Any], *, has_test: bool) -> str:
    """A name that tells the language: the item's own, or one made from its `language`; tests are in Python."""
    if isinstance(path := raw.get("path"), str) and path:
        return path
    language = raw.get("language") or raw.get("lang")
    if isinstance(language, str) and language.lower() in _PATHS:
        return _PATHS[language.lower()]
    return "main.py" if has_test else "untitled"


def evaluate_infilling(
    engine: Engine, file: Path, *, limit: int | None = None, form: str | None = None, memory: bool = True
) -> InfillingReport:
    """Fill the holes of a file, evenly drawn where `limit` is smaller than their number. Raises BenchmarkError.

    Without `form` a file in which every solution is one line is asked for lines, any other one for whole holes.
    """
    items, skipped = read_items(file, parse_item)
    form = form or ("line" if all("\n" not in item.solution.strip("\r\n") for item in items) else "whole")
    settings = settings_of(memory=memory, one_line=form == "line")
    fill = fill_whole(engine, settings) if form == "whole" else fill_shown(engine, settings)
    results = tuple(judged(evenly(items, limit), fill))
    name = file.name.removesuffix(".gz").removesuffix(".jsonl")
    return _report(name, form, results, tuple(skipped), memory=memory)


def judged(items: Sequence[InfillingItem], fill: Fill) -> Iterator[InfillingResult]:
    """What `fill` makes of each item."""
    completions = [fill(item.hole) for item in items]
    tested = [n for n, item in enumerate(items) if item.test]
    verdicts = dict(zip(tested, run_programs(items[n].program(completions[n]) for n in tested), strict=True))
    for n, (item, completion) in enumerate(zip(items, completions, strict=True)):
        said, right = completion.strip(), item.solution.strip()
        passed = verdicts[n] == Verdict.PASSED if n in verdicts else None
        language = item.hole.document.language
        yield InfillingResult(item.task, language, completion, said == right, edit_similarity(said, right), passed)


def _report(
    name: str, form: str, results: tuple[InfillingResult, ...], skipped: tuple[Skipped, ...], *, memory: bool
) -> InfillingReport:
    passed = [result.passed for result in results if result.passed is not None]
    languages = sorted({result.language for result in results})
    return InfillingReport(
        benchmark=name,
        form=form,
        memory=memory,
        items=len(results),
        exact_match=mean(result.exact for result in results),
        exact_match_by_language={each: mean(r.exact for r in results if r.language == each) for each in languages},
        edit_similarity=mean(result.similarity for result in results),
        pass_at_1=mean(passed) if passed else None,
        answered=mean(bool(result.completion.strip()) for result in results),
        skipped=skipped,
        results=results,
    )


def evenly(items: Sequence[Any], limit: int | None) -> list[Any]:
    """At most `limit` items, with equal steps between them: benchmarks are sorted by problem."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[n * len(items) // limit] for n in range(limit)]


def mean(values: Iterable[float]) -> float:
    """0 for none."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else 0.0

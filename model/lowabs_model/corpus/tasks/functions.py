"""Functions in source files: syntax in Python, headers and indentation in languages with braces and in shell."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

from attrs import frozen

from lowabs_model.corpus.shards import SourceFile

MOST_LINES = 30
LARGEST_PARSED = 120_000
"""Characters; longer files are hardly ever written by hand."""
HEADER = re.compile(
    r".*?\b(?!(?:if|for|while|switch|catch|else|return|match|do|try|func|function|fn)\b)(?P<name>[A-Za-z_]\w*)\s*\([^;]*\{\s*$"
)
"""A line that opens a function in C and its kin, Go, Rust, Java, JavaScript, and shell."""
RECEIVER = re.compile(r"func\s*\(\s*\w+\s+\*?(?P<name>\w+)")
OWNER = re.compile(r"^(?:.*\b(?:class|struct|impl|trait|interface|enum)\s+)(?:<[^>]*>\s*)?(?P<name>[A-Za-z_]\w*)")


@frozen
class Function:
    """One function; offsets are into its file's text."""

    name: str
    owner: str
    """The class or type that it stands in, or nothing."""
    start: int
    """Where the first statement begins, behind docstring and indentation."""
    end: int
    """Where the body's last line ends; in braces, the line before the closing one."""
    documented: bool
    """By a docstring, or by a comment right above."""


@lru_cache(maxsize=1)
def functions_of(file: SourceFile) -> tuple[Function, ...]:
    """The functions with 1 to 30 lines of body. Each family asks for those of a file, one after the other."""
    find = _python_functions if file.language == "python" else _braced_functions
    lines = file.text.split("\n")
    return tuple(find(file, lines, line_starts(lines)))


def line_starts(lines: list[str]) -> list[int]:
    """The offset of each line, and of the end."""
    return list(accumulate((len(line) + 1 for line in lines), initial=0))


def _python_functions(file: SourceFile, lines: list[str], starts: list[int]) -> Iterator[Function]:
    if len(file.text) > LARGEST_PARSED or re.search(r"[\r\f\v\x1c-\x1e\x85\u2028\u2029]", file.text):
        return  # Python counts lines in another way there
    try:
        tree = ast.parse(file.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    owners = {id(child): node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for child in node.body}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        documented = ast.get_docstring(node, clean=False) is not None
        body = node.body[1:] if documented else node.body
        if not body or body[0].lineno <= (node.body[0].end_lineno or 0 if documented else node.lineno):
            continue  # nothing but a docstring, or all on one line
        first, last = body[0].lineno - 1, (body[-1].end_lineno or 0) - 1
        if isinstance(decorated := body[0], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and decorated.decorator_list:
            first = decorated.decorator_list[0].lineno - 1
        if last - first < MOST_LINES:
            start = starts[first] + len(lines[first]) - len(lines[first].lstrip())
            yield Function(node.name, owners.get(id(node), ""), start, starts[last] + len(lines[last]), documented)


def _braced_functions(file: SourceFile, lines: list[str], starts: list[int]) -> Iterator[Function]:
    owner, owner_indentation = "", -1
    for n, line in enumerate(lines):
        if line.strip() and indentation(line) <= owner_indentation and not line.lstrip().startswith(("}", ")")):
            owner, owner_indentation = "", -1
        if found := OWNER.match(line):
            owner, owner_indentation = found["name"], indentation(line)
        elif (
            line.endswith("{")
            and (found := HEADER.match(line))
            and (close := closing_line(lines, n))
            and 1 < close - n <= MOST_LINES + 1
        ):
            first, last = n + 1, close - 1
            start = starts[first] + len(lines[first]) - len(lines[first].lstrip())
            above = lines[n - 1].strip() if n else ""
            if start < starts[last] + len(lines[last]):
                receiver = RECEIVER.match(line)
                documented = above.startswith(("//", "/*", "*", "#")) and not above.startswith(("#!", "#["))
                end = starts[last] + len(lines[last])
                yield Function(found["name"], receiver["name"] if receiver else owner, start, end, documented)


def indentation(line: str) -> int:
    """Blanks and tabs in front."""
    return len(line) - len(line.lstrip())


def closing_line(lines: list[str], opening: int) -> int | None:
    """The number of the line that closes the block which line `opening` opens, by its indentation; None for no clean end."""
    depth = indentation(lines[opening])
    for n in range(opening + 1, min(len(lines), opening + MOST_LINES + 3)):
        if lines[n].strip() and indentation(lines[n]) <= depth:
            return n if lines[n].lstrip().startswith("}") else None
    return None

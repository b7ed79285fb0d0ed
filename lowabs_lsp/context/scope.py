"""What a window that begins inside of a file lacks to be understood: the imports, and the headers of the enclosing blocks."""

import re
from collections.abc import Sequence

from lowabs_lsp.context.window import CountTokens, count_lines

_IMPORT = re.compile(
    r"import\b|from\s+\S+\s+import\b|#\s*include\b|using\b|use\s|require\b|require_once\b|package\b|extern crate\b"
    r"|source\s|\.\s+\S|(?:const|let|var)\s.*=\s*require\(|export\s.*\bfrom\b|FROM\s|library\(|load\(|@import\b|-?include\s|apiVersion:|kind:"
)
_COMMENT = re.compile(r"\s*(#(?!\s*(define|if|include))|//|/\*|\*|--|\"\"\"|''')")
_CLOSER = re.compile(r"\s*[)}\]]")
IMPORTS_WITHIN = 200
"""Lines from the top in which imports are looked for."""
HEADER_LINES = 6
"""Of a signature that goes on over several lines, at most."""
CLIMB = 2000
"""Lines that are looked at in search of an enclosing block."""


def lead(above: str, below: str, *, budget: int, count: CountTokens) -> str:
    """The imports and enclosing headers in `above`, in order and in at most `budget` tokens, for a window that shows `below`.

    Headers come first where there is no room for all, and the nearest of each kind.
    """
    lines = above.removesuffix("\n").split("\n")
    headers = enclosing(lines, _depth(_first_written(below)))
    kept, left = _last_that_fit([_joined(lines, numbers) for numbers in headers], budget, count)
    imported, left = _last_that_fit([_joined(lines, numbers) for numbers in imports(lines)], left, count)
    gap = ["\n"] if imported and kept and count("\n") <= left else []
    return "".join([*imported, *gap, *kept])


def _joined(lines: Sequence[str], numbers: Sequence[int]) -> str:
    return "".join(f"{lines[number]}\n" for number in numbers)


def _first_written(text: str) -> str:
    return next((line for line in text.split("\n") if line.strip()), "")


def _last_that_fit(texts: Sequence[str], budget: int, count: CountTokens) -> tuple[list[str], int]:
    """The last of `texts` that fit into `budget`, and what is left of it."""
    kept: list[str] = []
    for text in reversed(texts):
        cost = count_lines(text, count)
        if cost > budget:
            break
        kept.insert(0, text)
        budget -= cost
    return kept, budget


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def imports(lines: Sequence[str]) -> list[list[int]]:
    """Line numbers of each statement near the top that imports, includes, or says what kind of thing the file is."""
    found: list[list[int]] = []
    depth = 0
    for number, line in enumerate(lines[:IMPORTS_WITHIN]):
        if depth > 0:
            found[-1].append(number)
        elif _IMPORT.match(line):
            found.append([number])
        else:
            continue
        depth = max(0, depth + _opened(line))
    return found


def _opened(line: str) -> int:
    """Brackets that `line` opens, less those that it closes."""
    return sum(line.count(mark) for mark in "([{") - sum(line.count(mark) for mark in ")]}")


def enclosing(lines: Sequence[str], depth: int) -> list[list[int]]:
    """Line numbers of each header of the blocks that are open behind the last of `lines`, for a line indented by `depth`.

    A block's header is the nearest line above that is indented less; comments, blank lines and closing brackets are none.
    A list in YAML may stand as deep as its header.
    """
    found: list[list[int]] = []
    number, in_list = len(lines), False
    while number > max(0, len(lines) - CLIMB) and (depth > 0 or in_list):
        number -= 1
        line = lines[number]
        if not line.strip() or _COMMENT.match(line):
            continue
        is_item = line.lstrip().startswith("- ")
        if _depth(line) < depth or (in_list and _depth(line) == depth and not is_item):
            header = _header(lines, number)
            depth, number, in_list = _depth(line), header[0], is_item
            found.insert(0, header)
    return found


def _header(lines: Sequence[str], last: int) -> list[int]:
    """Line numbers of the header that ends in line `last`."""
    if lines[last].strip() == "{" and last > 0:
        return [*_header(lines, last - 1), last]
    return signature(lines, last) if _CLOSER.match(lines[last]) else [last]


def signature(lines: Sequence[str], last: int) -> list[int]:
    """Numbers of the lines of a header that ends in line `last` with a closing bracket, as in `) -> int:`."""
    depth = _depth(lines[last])
    for number in range(last - 1, max(-1, last - HEADER_LINES * 4), -1):
        line = lines[number]
        if line.strip() and _depth(line) <= depth and not _CLOSER.match(line):
            numbers = list(range(number, last + 1))
            return numbers if len(numbers) <= HEADER_LINES else [*numbers[: HEADER_LINES - 1], last]
    return [last]


def statement(lines: Sequence[str], first: int) -> list[int]:
    """Numbers of the lines of the declaration that begins in line `first`, up to where its body would."""
    depth = 0
    for number in range(first, min(len(lines), first + HEADER_LINES)):
        line = lines[number]
        depth += _opened(line.rstrip().removesuffix("{"))
        if depth <= 0:
            return list(range(first, number + 1))
    return list(range(first, min(len(lines), first + HEADER_LINES)))

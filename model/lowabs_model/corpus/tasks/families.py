"""THE FAMILIES of tasks: rules that find, in ordinary files, what a person writes at a low level of abstraction."""

import re
from collections.abc import Callable, Iterator

from attrs import evolve, frozen

from lowabs_lsp.prompt.languages import is_comment
from lowabs_model.corpus.shards import SourceFile
from lowabs_model.corpus.tasks.functions import Function, functions_of, indentation, line_starts

SYSTEM_LANGUAGES = frozenset({"shellscript", "dockerfile", "yaml", "toml", "ini", "makefile", "sql"})
LONGEST_ABOVE, LONGEST_MIDDLE, LONGEST_BELOW = 1500, 1000, 500
"""Characters of a task; together they fit the shortest context that we train with."""

OPERATION = re.compile(
    r"(?i)_*(?:insert|add|append|push|pop|remove|delete|discard|search|find|lookup|contains|get|put|set|update|peek|top|front|back"
    r"|enqueue|dequeue|offer|poll|rotate|(?:re)?balance|merge|split|union|traverse|walk|in_?order|pre_?order|post_?order|height"
    r"|depth|is_?empty|size|len|resize|rehash|grow|heapify|sift|swap|reverse|successor|predecessor|min|max|clear|link|unlink)"
    r"(?![a-z]).*"
)
STRUCTURE = re.compile(
    r"(?i).*(?:list|stack|queue|tree|heap|graph|trie|map|hash|set|cache|buffer|deque|disjoint|node|table|dict|array|matrix|vec|slab"
    r"|ring|pool|collection|index|wheel)"
)
TOPIC = re.compile(
    r"(?i)(?:^|[/_.-])(?:algorithms?|sort(?:s|ing)?|search(?:es|ing)?|graphs?|dynamic_programming|dp|greedy|backtrack(?:ing)?"
    r"|geometry|math(?:s|ematics)?|strings?|numbers?|matrix|bits?|compression|cipher|hash(?:es|ing)?|pars(?:e|er|ing)|lexer"
    r"|bisect|heapq|statistics|recursion|divide_and_conquer|shortest_paths?|traversal|knapsack|primes?|combinatorics)(?:[/_.-]|$)"
)


@frozen
class Task:
    """A hole in a window of a file: the text between the two offsets is to be written."""

    family: str
    file: SourceFile
    """Its text is the window."""
    start: int
    end: int

    @property
    def middle(self) -> str:
        """The answer."""
        return self.file.text[self.start : self.end]


def tasks_of(file: SourceFile) -> Iterator[Task]:
    """Every task in a file, of all families; one hole may belong to two of them."""
    for family, find in FAMILIES.items():
        for start, end in find(file):
            if 8 <= end - start <= LONGEST_MIDDLE and len(file.text[start:end].split()) > 1:
                yield _window(family, file, start, end)


def comment_to_code(file: SourceFile) -> Iterator[tuple[int, int]]:
    """The body below a docstring, or the lines below a comment up to the next blank one or a shallower one."""
    yield from ((f.start, f.end) for f in functions_of(file) if f.documented)
    if file.language in SYSTEM_LANGUAGES or file.language == "python":
        yield from _below_comments(file)


def data_structures(file: SourceFile) -> Iterator[tuple[int, int]]:
    """Bodies of operations (insert, delete, search, balance, ...) on a type, or in a file, that is named as a structure."""
    for f in functions_of(file):
        if OPERATION.fullmatch(f.name) and STRUCTURE.match(f.owner or _stem(file)):
            yield f.start, f.end


def algorithms(file: SourceFile) -> Iterator[tuple[int, int]]:
    """Bodies of functions with a loop or recursion in files whose path names a topic of algorithms."""
    if TOPIC.search(file.path):
        yield from ((f.start, f.end) for f in functions_of(file) if _computes(f, file.text))


def system_files(file: SourceFile) -> Iterator[tuple[int, int]]:
    """Stanzas of shell, Dockerfile, YAML, TOML, INI, Make and SQL: all lines of a paragraph but the first."""
    if file.language not in SYSTEM_LANGUAGES:
        return
    lines = file.text.split("\n")
    starts = line_starts(lines)
    for first, last in _paragraphs(lines):
        if 1 <= last - first <= 12:
            yield _between(lines, starts, first + 1, last)


Family = Callable[[SourceFile], Iterator[tuple[int, int]]]
FAMILIES: dict[str, Family] = {
    "comment to code": comment_to_code,
    "data structures": data_structures,
    "algorithms": algorithms,
    "system files": system_files,
}


def _window(family: str, file: SourceFile, start: int, end: int) -> Task:
    """The file around a hole, cut at lines."""
    text = file.text
    first = 0 if start <= LONGEST_ABOVE else text.find("\n", start - LONGEST_ABOVE, start) + 1
    last = len(text) if len(text) - end <= LONGEST_BELOW else text.rfind("\n", end, end + LONGEST_BELOW) + 1
    last = max(last, end)
    return Task(family, evolve(file, text=text[first:last]), start - first, end - first)


def _below_comments(file: SourceFile) -> Iterator[tuple[int, int]]:
    lines = file.text.split("\n")
    starts = line_starts(lines)
    for n in range(1, len(lines)):
        if _is_sentence(file.language, lines[n - 1]) and lines[n].strip() and not is_comment(file.language, lines[n]):
            depth, last = indentation(lines[n]), n
            while last + 1 < len(lines) and lines[last + 1].strip() and indentation(lines[last + 1]) >= depth and last - n < 11:
                if is_comment(file.language, lines[last + 1]):
                    break
                last += 1
            yield _between(lines, starts, n, last)


def _is_sentence(language: str, line: str) -> bool:
    """Whether a line is a comment of a few words, and no code that is switched off."""
    words = line.strip().lstrip("#-/ ").split()
    return (
        is_comment(language, line) and line.lstrip()[:1] in "#-" and len(words) >= 3 and not re.search(r"[=({;]|['\"]{3}", line)
    )


def _paragraphs(lines: list[str]) -> Iterator[tuple[int, int]]:
    first = None
    for n, line in enumerate([*lines, ""]):
        if line.strip() and first is None:
            first = n
        elif not line.strip() and first is not None:
            yield first, n - 1
            first = None


def _between(lines: list[str], starts: list[int], first: int, last: int) -> tuple[int, int]:
    """Offsets from the first character of line `first` that is no blank to the end of line `last`."""
    return starts[first] + indentation(lines[first]), starts[last] + len(lines[last])


def _computes(function: Function, text: str) -> bool:
    body = text[function.start : function.end]
    return re.search(rf"\b(?:for|while|loop)\b|\b{re.escape(function.name)}\s*\(", body) is not None


def _stem(file: SourceFile) -> str:
    return file.path.rpartition("/")[2].partition(".")[0]

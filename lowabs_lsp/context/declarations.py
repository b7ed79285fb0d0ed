"""Declarations, from other files or from out of sight, of the names that are used near the cursor."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from lowabs_lsp.context.place import Place
from lowabs_lsp.context.rank import Candidate
from lowabs_lsp.context.scope import IMPORTS_WITHIN, enclosing, imports, statement
from lowabs_lsp.context.search import Declared, Wanted, declarations
from lowabs_lsp.context.segments import Segment
from lowabs_lsp.context.terms import words
from lowabs_lsp.values import Snippet

NAMES = 24
"""Names near the cursor whose declarations are looked for, the nearest first."""
AMBIGUOUS = 6
"""A name that is declared in more places than this says nothing."""
MEMBERS = 8
"""Lines of a type's body that are shown."""
LONGEST_LINE = 160
_TYPE = re.compile(r"\s*(?:[\w@()]+\s+)*?(?:class|struct|interface|type|enum|trait|record|object|protocol|message)\b")
_QUOTES = re.compile(r"\"\"\"|'''")
_QUIET = re.compile(r"\s*(#(?!\w)|//|/\*|\*|@|[)}\]]|\"\"\"|'''|$)")


def used_declarations(place: Place, segments: Sequence[Segment], wanted: Wanted) -> list[Candidate]:
    """The declarations of the names near the cursor; the nearer a name, the higher its score."""
    names = list(dict.fromkeys(word for _, line in place.near for word in reversed(words(line)) if len(word) > 2))[:NAMES]
    found = declarations(segments, names, wanted)
    imported = _imported(place.document.text)
    candidates = []
    for rank, name in enumerate(names):
        if 0 < len(found[name]) <= AMBIGUOUS and not any(_is_visible(place, declared) for declared in found[name]):
            best = min(found[name], key=lambda declared: _distance(place.document.path, declared, imported))
            text = declaration_text(best.file.lines(), best.line)
            candidates.append(
                Candidate(1 / (1 + rank), Snippet(best.path, text, f"declaration of {name}, line {best.line + 1}"))
            )
    return candidates


def _imported(text: str) -> frozenset[str]:
    """The words in the statements that import something."""
    lines = text.split("\n", IMPORTS_WITHIN)
    return frozenset(word for numbers in imports(lines) for number in numbers for word in words(lines[number]))


def _is_visible(place: Place, declared: Declared) -> bool:
    """Whether a declaration in this very file can be seen at the cursor; the index may be some lines behind."""
    return declared.path == place.document.path and declared.file.lines()[declared.line].strip() in place.visible_lines


def _distance(path: str, declared: Declared, imported: frozenset[str]) -> tuple[bool, bool, int, str, int]:
    """Small for this file, what it imports, and its neighbours."""
    there = PurePosixPath(declared.path)
    is_imported = there.stem in imported or (there.stem in ("__init__", "index", "mod") and there.parent.name in imported)
    shared = len([1 for a, b in zip(PurePosixPath(path).parts, there.parts, strict=False) if a == b])
    return declared.path != path, not is_imported, -shared, declared.path, declared.line


def declaration_text(lines: Sequence[str], first: int) -> str:
    """The declaration in line `first` with the headers it stands under; of a type, the first lines of its members too."""
    depth = len(lines[first]) - len(lines[first].lstrip())
    head = statement(lines, first)
    outer = [number for header in enclosing(lines[:first], depth) for number in header]
    members = _members(lines, head[-1] + 1, depth) if _TYPE.match(lines[first]) else []
    return "".join(f"{lines[number][:LONGEST_LINE]}\n" for number in [*outer, *head, *members])


def _members(lines: Sequence[str], start: int, depth: int) -> list[int]:
    """Line numbers of what is declared right inside of a type whose body begins in line `start`."""
    found: list[int] = []
    base, number, in_text = -1, start, False
    while number < len(lines) and len(found) < MEMBERS:
        line = lines[number]
        number += 1
        quotes = len(_QUOTES.findall(line))
        was_in_text, in_text = in_text, in_text != (quotes % 2 == 1)
        if was_in_text or _QUIET.match(line):
            continue
        indent = len(line) - len(line.lstrip())
        if indent <= depth:
            break
        base = indent if base < 0 else base
        if indent == base:
            found += statement(lines, number - 1)[: MEMBERS - len(found)]
            number = found[-1] + 1
    return found

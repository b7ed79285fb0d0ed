"""Languages whose own parsers are at hand and know more than a grammar does."""

import ast
import json
import re
import tomllib
import warnings
from collections.abc import Callable

from lowabs_lsp.syntax.trees import Parsed

_DEFINITIONS = frozenset({"function_definition", "class_definition", "decorated_definition"})
_DIVIDER = re.compile(rb"(?:^|;|&|\|)[ \t]*(fi|done|esac|then|else|elif|do|in)\b", re.MULTILINE)
_NAMING = ("command_name", "function_definition")
LARGEST = 20_000
"""Bytes of a definition or file that are read once more."""


def _python(parsed: Parsed, start: int, end: int) -> bool:
    """The smallest definition around the range, else the statements at the top, as Python itself reads them."""
    first, last = parsed.enclosing(start, end, _DEFINITIONS)
    if last - first > LARGEST:
        return True
    source = parsed.data[parsed.data.rfind(b"\n", 0, first) + 1 : last]
    if source[:1].isspace():
        source = b"if 1:\n" + source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _shell(parsed: Parsed, start: int, end: int) -> bool:
    """No word that ends or divides a block stands where a command does, as if there were such a command."""
    for match in _DIVIDER.finditer(parsed.data, parsed.data.rfind(b"\n", 0, start) + 1, end):
        node = parsed.tree.root_node.descendant_for_byte_range(match.start(1), match.end(1))
        if node is not None and node.type == "word" and node.parent is not None and node.parent.type in _NAMING:
            return False
    return True


def _json(parsed: Parsed, start: int, end: int) -> bool:
    return _is_read(json.loads, parsed)


def _toml(parsed: Parsed, start: int, end: int) -> bool:
    return _is_read(tomllib.loads, parsed)


def _is_read(read: Callable[[str], object], parsed: Parsed) -> bool:
    if len(parsed.data) > LARGEST:
        return True
    try:
        read(parsed.data.decode())
    except (ValueError, RecursionError):
        return False
    return True


STRICT: dict[str, Callable[[Parsed, int, int], bool]] = {
    "python": _python,
    "shellscript": _shell,
    "json": _json,
    "toml": _toml,
}
"""Whether the text around a range of bytes is well formed, of what the grammar takes."""

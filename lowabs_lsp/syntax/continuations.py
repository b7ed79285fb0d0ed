"""What may still come: the shortest texts that make whole what is well begun."""

import re
from collections.abc import Iterator

from lowabs_lsp.syntax.brackets import scan

_BRACES = ("c", "cpp", "java", "javascript", "javascriptreact", "typescript", "typescriptreact", "go", "rust")
_SHELL = (
    (r"\b(then|else)\s*$", "\n:\nfi"),
    (r"\bif\b.*;?\s*$", "; then\n:\nfi"),
    (r"\bdo\s*$", "\n:\ndone"),
    (r"\b(for|while|until|select)\b.*$", "; do\n:\ndone"),
    (r"\bcase\b.*\bin\s*$", "\nx) ;;\nesac"),
    (r"\bcase\b.*$", " in\nx) ;;\nesac"),
    (r"(\||&&|\\)\s*$", " :"),
    (r"\)\s*$", "\n:\n;;\nesac"),
    (r"^\s*(function\s+)?[\w:.-]+\s*(\(\s*\))?\s*$", "() {\n:\n}"),
)
_PYTHON_HEADERS = frozenset(
    ("if", "elif", "else", "for", "while", "with", "except", "finally", "def", "class", "async", "match", "case")
)
_ONE_LINE = {
    **dict.fromkeys((*_BRACES, "python"), frozenset("\"'")),
    **dict.fromkeys(("json", "jsonc", "toml"), frozenset('"')),
    "rust": frozenset[str](),
}
"""Quotes whose strings end on the line that they begin on."""
_GOES_ON = re.compile(
    r"""(?:[(\[{,:\\|&+*/=<>-]|\b(?:then|do|else|in|and|or|not|try|finally|begin|as|select|from|where|set)|\"\"\"|''')\s*$"""
    r"""|^\s*@|^\s*(?:ifn?eq|ifn?def|define)\b|<<-?\s*["']?\w+["']?\s*$""",
    re.IGNORECASE,
)
_HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")


def goes_on(text: str) -> bool:
    """Whether anybody can see that `text` is not all: it opens a block or a bracket at its end, or ends in an operator."""
    return _GOES_ON.search(text.rpartition("\n")[2]) is not None


def continuations(language: str, text: str) -> Iterator[str]:
    """Texts that may make a program of `text`, which begins with the cursor's line and ends with what is inserted.

    First what closes its brackets and strings, then what a statement or block may need. Nothing where a line ends within a
    string that has to end on it.
    """
    closers, quote, _ = scan(text, language)
    if quote in _ONE_LINE.get(language, ()):
        return
    closing = quote + closers
    if closing:
        yield closing
    if closers:
        yield f"{quote}{' ' if quote else ''}x{closers}" if not quote else closing + ";"
    line = text.rpartition("\n")[2]
    indent = line[: len(line) - len(line.lstrip())]
    yield from _of_language(language, line, indent, closing)


def _of_language(language: str, line: str, indent: str, closing: str) -> Iterator[str]:
    if language == "python":
        yield from _of_python(line, indent, closing)
    elif language == "shellscript":
        if heredoc := _HEREDOC.search(line):
            yield f"\n{heredoc[1]}\n"
        for pattern, rest in _SHELL:
            if re.search(pattern, line):
                yield closing + rest
    elif language in ("json", "jsonc"):
        yield from (f"{closing},", f"{closing}: 0", f"{closing}: 0,", f"0{closing},", "0", "0,", f"{closing}\n,")
    elif language in _BRACES:
        yield from (f"{closing};", f"{closing} {{}}", f"{closing},", f" x{closing};", f"{closing}:", f"{closing} => {{}}")
    elif language in ("dockerfile", "makefile"):
        yield from _of_build(line, closing)
    elif language == "sql":
        yield from (
            f"{closing};",
            f" x{closing};",
            f" x{closing}",
            f"{closing} from x",
            f" x {closing} from x;",
            f" x = x{closing};",
        )
    elif language in ("yaml", "toml"):
        yield from (f"{closing}: x", "x") if language == "yaml" else (f"{closing} = 0", "0")


def _of_python(line: str, indent: str, closing: str) -> Iterator[str]:
    word, body = line.split(maxsplit=1)[0] if line.strip() else "", f"\n{indent} pass"
    is_header_end = word[:1] in (")", "]", "}") and line.rstrip().endswith(":")  # of one over several lines
    colon = "" if line.rstrip().endswith(":") and not closing else ":"
    if word.startswith("@"):
        yield f"{closing}\n{indent}def x(): pass"
    elif word.rstrip(":") == "try":
        yield f"{colon}{body}\n{indent}finally: pass"
    elif word.rstrip(":") in _PYTHON_HEADERS or is_header_end:
        yield closing + colon + body
        yield f" x{closing}{colon}{body}"
    if line.endswith("\\"):
        yield f"\n{indent} x"
        yield f"\n{indent} x:{body}"
    if line.endswith('"""') or closing.startswith('"""'):
        yield '"""' + body


def _of_build(line: str, closing: str) -> Iterator[str]:
    if line.endswith("\\"):
        yield from ("\n  x", "\n\tx", "\n  && x")
    if re.match(r"\s*(ifeq|ifneq|ifdef|ifndef)\b", line):
        yield f"{closing}\nendif"
    if line.startswith("define"):
        yield "\nendef"
    if re.search(r"<<-?\s*[\"']?\w+", line) and (heredoc := _HEREDOC.search(line)):
        yield f"\n{heredoc[1]}\n"

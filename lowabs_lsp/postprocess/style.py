"""Indentation and line ends as the document has them."""

import re
from collections import Counter
from functools import lru_cache

from lowabs_lsp.postprocess.place import Place

_BY_RULE = {"makefile": "\t", "go": "\t", "yaml": "  "}
_SAMPLE = 400


@lru_cache(32)
def indent_of(sample: str, language: str) -> str:
    """One level of indentation as `sample` has it; empty where it shows none."""
    lines = [line for line in sample.split("\n")[:_SAMPLE] if line[:1] in (" ", "\t") and line.strip()]
    tabs = sum(line[0] == "\t" for line in lines)
    if language == "makefile" or tabs * 2 > len(lines):
        return "\t"
    widths = [len(line) - len(line.lstrip(" ")) for line in lines if line[0] == " "]
    steps = Counter(abs(b - a) for a, b in zip([0, *widths], widths, strict=False) if 2 <= abs(b - a) <= 8)
    return " " * steps.most_common(1)[0][0] if steps else _BY_RULE.get(language, "")


def styled(text: str, place: Place) -> str:
    """`text` as it would stand at `place`, line ends aside."""
    return indented_like(text, place.before, place.document.text, place.document.language)


def indented_like(text: str, line_before: str, sample: str, language: str) -> str:
    """`text` with the indentation of its further lines in the tabs or blanks of the document; the first has none of its own."""
    first, newline, further = text.partition("\n")
    if not newline and line_before.strip():
        return text
    level = "\t" if line_before[:1] == "\t" else indent_of(sample, language)
    if not level or (language == "makefile"):
        return text
    lines = [_converted(line, level) for line in further.split("\n")] if newline else []
    head = _converted(first, level) if not line_before.strip() and first[:1] in (" ", "\t") else first
    return "\n".join([head, *lines])


def _converted(line: str, level: str) -> str:
    blanks = re.match(r"[ \t]*", line)
    assert blanks is not None
    old = blanks[0]
    if level == "\t":
        width = 4 if len(old.replace("\t", "")) % 4 == 0 else 2
        new = re.sub(f" {{{width}}}", "\t", old)
    else:
        new = old.replace("\t", level)
    return new + line[len(old) :]

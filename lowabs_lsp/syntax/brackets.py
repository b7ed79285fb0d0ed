"""Brackets and quotes, outside of strings and comments."""

import re
from functools import cache

CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
_CLOSERS = frozenset(CLOSER_OF.values())
_COMMENTS = {
    "#": ("python", "shellscript", "yaml", "toml", "dockerfile", "makefile", "ruby", "perl", "r", "elixir", "nix", "terraform"),
    "--": ("sql", "lua"),
}
_BY_LANGUAGE = {language: mark for mark, languages in _COMMENTS.items() for language in languages}
_UNQUOTED = frozenset({"yaml", "dockerfile", "makefile", "markdown", "plaintext", "ini"})
"""Languages in whose plain words apostrophes stand."""
_BACKTICKS = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact", "go", "shellscript"})


@cache
def _scanner(language: str) -> re.Pattern[str]:
    comment = re.escape(_BY_LANGUAGE.get(language, "//"))
    before = r"(?<!\S)" if comment in (r"\#", "#") else ""
    triple = r'"""|\'\'\'|' if language == "python" else ""
    quotes = '"' if language in (*_UNQUOTED, "rust") else "\"'"
    quotes += "`" if language in _BACKTICKS else ""
    return re.compile(rf"\\.|{before}{comment}[^\n]*|{triple}[{quotes}]|[()\[\]{{}}]|\n", re.DOTALL)


def scan(text: str, language: str, opened: str = "") -> tuple[str, str, int]:
    """What `text` leaves open: closers of brackets, the innermost first; the quote of a string; and where it breaks.

    `opened` are closers that are owed when `text` begins. It breaks at the first bracket that closes nothing, else at its end.
    """
    owed, quote, end = list(reversed(opened)), "", len(text)
    for match in _scanner(language).finditer(text):
        mark = match[0]
        if quote:
            if mark == quote or (mark == "\n" and len(quote) == 1 and quote != "`"):
                quote = ""
        elif mark in CLOSER_OF:
            owed.append(CLOSER_OF[mark])
        elif mark in _CLOSERS:
            if not owed or owed[-1] != mark:
                end = match.start()
                break
            owed.pop()
        elif mark[0] in "\"'`":
            quote = mark
    return "".join(reversed(owed)), quote, end

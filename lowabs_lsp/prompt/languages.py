"""What differs by language: its name for a file, its comment mark, and how a block opens."""

import re
from pathlib import PurePosixPath

from attrs import frozen


@frozen
class Language:
    """How a language looks at the places where completion decides between a line and a block."""

    comment: str
    """A regular expression for a line that is a comment."""
    opens_block: str
    """A regular expression for the end of a line after which a block follows."""


_BRACES = Language(comment=r"\s*(//|/\*|\*)", opens_block=r"[{(\[]\s*$|=>\s*$")
_HASH = Language(comment=r"\s*#", opens_block=r"[{(\[]\s*$")
_PLAIN = Language(comment=r"\s*(#|//|--)", opens_block=r"[{(\[]\s*$")

_LANGUAGES = {
    "python": Language(comment=r"\s*#|.*(\"\"\"|''')\s*$", opens_block=r"[:{(\[]\s*$"),
    "shellscript": Language(comment=r"\s*#(?!!)", opens_block=r"(\b(then|do|else|in)|[{(])\s*$"),
    "dockerfile": Language(comment=r"\s*#", opens_block=r"\\\s*$"),
    "yaml": Language(comment=r"\s*#", opens_block=r"[:|>]\s*$"),
    "makefile": Language(comment=r"\s*#", opens_block=r"^[^\t#=]+:[^=]*$|\\\s*$"),
    "toml": Language(comment=r"\s*#", opens_block=r"^\s*\[.*\]\s*$|[{(\[]\s*$"),
    "sql": Language(comment=r"\s*--", opens_block=r"(?i)(\(|\b(select|from|where|set|values|begin|as))\s*$"),
    "lua": Language(comment=r"\s*--", opens_block=r"(\b(then|do|else|repeat)|\)|[{(])\s*$"),
    "ruby": Language(comment=r"\s*#", opens_block=r"\b(do|then|else)\s*(\|.*\|)?\s*$|^\s*(def|class|module|if)\b.*$"),
    **dict.fromkeys(
        (
            "c",
            "cpp",
            "csharp",
            "go",
            "java",
            "javascript",
            "javascriptreact",
            "kotlin",
            "php",
            "rust",
            "scala",
            "swift",
        ),
        _BRACES,
    ),
    **dict.fromkeys(("typescript", "typescriptreact", "json", "jsonc", "css", "scss"), _BRACES),
    **dict.fromkeys(("perl", "r", "elixir", "nix", "terraform", "powershell"), _HASH),
}
_NAMES = {"dockerfile": "dockerfile", "containerfile": "dockerfile", "makefile": "makefile", "gnumakefile": "makefile"}
_SUFFIXES = {
    ".py": "python", ".pyi": "python", ".sh": "shellscript", ".bash": "shellscript", ".zsh": "shellscript",
    ".yml": "yaml", ".yaml": "yaml", ".toml": "toml", ".sql": "sql", ".mk": "makefile", ".dockerfile": "dockerfile",
    ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascriptreact", ".ts": "typescript",
    ".tsx": "typescriptreact", ".go": "go", ".rs": "rust", ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp",
    ".hpp": "cpp", ".cxx": "cpp", ".java": "java", ".kt": "kotlin", ".rb": "ruby", ".lua": "lua", ".pl": "perl",
    ".php": "php", ".cs": "csharp", ".swift": "swift", ".scala": "scala", ".json": "json", ".ini": "ini", ".cfg": "ini",
    ".md": "markdown", ".r": "r", ".ex": "elixir", ".exs": "elixir", ".nix": "nix", ".tf": "terraform",
    ".ps1": "powershell", ".css": "css", ".scss": "scss",
}  # fmt: skip
_INTERPRETERS = {
    "python": "python",
    "sh": "shellscript",
    "bash": "shellscript",
    "zsh": "shellscript",
    "node": "javascript",
}


def language_of(path: str, text: str = "") -> str:
    """The LSP language identifier of a file, by its name, else by its `#!` line; `plaintext` when nothing tells."""
    name = PurePosixPath(path.replace("\\", "/")).name.lower()
    by_name = _NAMES.get(name) or _NAMES.get(name.split(".")[0]) or _SUFFIXES.get(PurePosixPath(name).suffix)
    if by_name:
        return by_name
    shebang = re.match(r"#!.*?([a-z]+)[\d.]*\s*(?:-.*)?$", text.partition("\n")[0])
    return _INTERPRETERS.get(shebang[1], "plaintext") if shebang else "plaintext"


def is_comment(language: str, line: str) -> bool:
    """Whether `line` is a comment, or the end of a docstring, from which code may follow."""
    return re.match(_LANGUAGES.get(language, _PLAIN).comment, line) is not None


def opens_block(language: str, line: str) -> bool:
    """Whether a block follows after `line`."""
    return re.search(_LANGUAGES.get(language, _PLAIN).opens_block, line) is not None

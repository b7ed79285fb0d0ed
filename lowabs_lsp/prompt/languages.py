"""What differs by language: its name for a file, its comment mark, and how a block opens."""

import re
from collections.abc import Iterable
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

_ALIASES = {
    # Vim's file types
    "sh": "shellscript", "bash": "shellscript", "zsh": "shellscript", "ksh": "shellscript", "make": "makefile", "cs": "csharp",
    "dosini": "ini", "cfg": "ini", "ps1": "powershell", "text": "plaintext", "tf": "terraform", "hcl": "terraform",
    "tex": "latex", "objc": "objective-c", "objcpp": "objective-cpp", "gitcommit": "git-commit", "gitrebase": "git-rebase",
    "eruby": "erb",
    # Helix's languages
    "c-sharp": "csharp", "tsx": "typescriptreact", "jsx": "javascriptreact", "docker": "dockerfile", "docker-compose": "yaml",
    "protobuf": "proto",
    # Emacs' modes without their ending
    "c++": "cpp", "js": "javascript", "js2": "javascript", "js3": "javascript", "rjsx": "javascriptreact", "cperl": "perl",
    "makefile-gmake": "makefile", "makefile-bsdmake": "makefile", "conf-toml": "toml", "conf-unix": "ini",
    "conf-windows": "ini", "enh-ruby": "ruby", "ess-r": "r", "rustic": "rust", "nxml": "xml", "gfm": "markdown",
    "mhtml": "html", "terraform-vars": "terraform", "js-json": "json",
    # Kate's modes, Jupyter's kernels and others
    "shell": "shellscript", "ipython": "python", "python3": "python", "golang": "go", "yml": "yaml", "plain": "plaintext",
    "normal": "plaintext", "sqlite": "sql", "postgresql": "sql", "mysql": "sql",
}  # fmt: skip


def lsp_identifier(name: str) -> str:
    """The identifier that LSP has for a language that an editor calls `name`: `sh` -> `shellscript`, `yaml.ansible` -> `yaml`.

    What nothing is known about stays as it is.
    """
    plain = re.sub(r"(-ts|-mode|\s)+\Z", "", name.lower().partition(".")[0].lstrip())
    return _ALIASES.get(plain, plain)


def is_among(language: str, names: Iterable[str]) -> bool:
    """Whether a language is one of those that a person has listed, by whichever names."""
    return lsp_identifier(language) in map(lsp_identifier, names)


def language_of(path: str, text: str = "") -> str:
    """The LSP language identifier of a file, by its name, else by its `#!` line; `plaintext` when nothing tells."""
    name = PurePosixPath(path.replace("\\", "/")).name.lower()
    by_name = _NAMES.get(name) or _NAMES.get(name.split(".")[0]) or _SUFFIXES.get(PurePosixPath(name).suffix)
    if by_name:
        return by_name
    shebang = re.match(r"#!.*?([a-z]+)[\d.]*\s*(?:-.*)?$", text.partition("\n")[0])
    return _INTERPRETERS.get(shebang[1], "plaintext") if shebang else "plaintext"


def suffix_of(language: str) -> str:
    """The ending of file names in a language, with its point; nothing where none is known."""
    return next((suffix for suffix, named in _SUFFIXES.items() if named == language), "")


def is_comment(language: str, line: str) -> bool:
    """Whether `line` is a comment, or the end of a docstring, from which code may follow."""
    return re.match(_LANGUAGES.get(language, _PLAIN).comment, line) is not None


def opens_block(language: str, line: str) -> bool:
    """Whether a block follows after `line`."""
    return re.search(_LANGUAGES.get(language, _PLAIN).opens_block, line) is not None

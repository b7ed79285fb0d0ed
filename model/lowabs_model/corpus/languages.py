"""Which language a file is written in: by its name, its extension, then its first line."""

import re
from pathlib import PurePosixPath

EXTENSIONS = {
    ".py": "python",
    ".pyi": "python",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "typescriptreact",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascriptreact",
    ".go": "go",
    ".rs": "rust",
    ".c": "c",
    ".h": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cxx": "cpp",
    ".hh": "cpp",
    ".hpp": "cpp",
    ".hxx": "cpp",
    ".java": "java",
    ".sh": "shellscript",
    ".bash": "shellscript",
    ".zsh": "shellscript",
    ".bats": "shellscript",
    ".dockerfile": "dockerfile",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".toml": "toml",
    ".sql": "sql",
    ".mk": "makefile",
    ".mak": "makefile",
    ".ini": "ini",
    ".cfg": "ini",
    ".service": "ini",
    ".timer": "ini",
    ".socket": "ini",
    ".desktop": "ini",
}
NAMES = {
    "makefile": "makefile",
    "gnumakefile": "makefile",
    "dockerfile": "dockerfile",
    "containerfile": "dockerfile",
    ".editorconfig": "ini",
    ".bashrc": "shellscript",
    ".bash_profile": "shellscript",
    ".profile": "shellscript",
    ".zshrc": "shellscript",
    "readme.md": "markdown",
}
INTERPRETERS = {
    "sh": "shellscript",
    "bash": "shellscript",
    "dash": "shellscript",
    "zsh": "shellscript",
    "bats": "shellscript",
    "python": "python",
    "node": "javascript",
    "make": "makefile",
}
SYSTEM_LANGUAGES = frozenset({"shellscript", "dockerfile", "yaml", "toml", "sql", "makefile", "ini"})
LANGUAGES = frozenset({*EXTENSIONS.values(), *NAMES.values()})

_SHEBANG = re.compile(r"#!\s*\S*?(?:/env\s+(?:-S\s+)?)?([a-z]+)[\d.]*\s*(?:-f)?(?:\s|$)")
_DOCKERFILE = re.compile(r"(dockerfile|containerfile)[._-]\w|\w[._-](dockerfile|containerfile)$")
_CPP_HEADER = re.compile(r"^\s*(template\s*<|namespace\s+\w|class\s+\w|using\s+\w|(public|private|protected)\s*:)", re.M)


def language_of_name(path: str) -> str:
    """The language that the name alone tells, or "" when it tells none."""
    name = PurePosixPath(path).name.lower()
    if name in NAMES:
        return NAMES[name]
    extension = PurePosixPath(name).suffix
    if extension in EXTENSIONS:
        return EXTENSIONS[extension]
    return "dockerfile" if _DOCKERFILE.match(name) or _DOCKERFILE.search(name) else ""


def may_have_language(path: str) -> bool:
    """Whether the content is worth reading: a known name, or none that says what it is."""
    return bool(language_of_name(path)) or not PurePosixPath(path).suffix


def language_of(path: str, text: str) -> str:
    """LSP language identifier, or "" for a file of no language of ours."""
    language = language_of_name(path)
    if not language and not PurePosixPath(path).suffix and (shebang := _SHEBANG.match(text)):
        language = INTERPRETERS.get(shebang[1], "")
    if language == "c" and path.endswith(".h") and _CPP_HEADER.search(text):
        return "cpp"
    return language

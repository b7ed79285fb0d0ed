"""The tree-sitter grammar of each LSP language."""

from functools import cache
from importlib import import_module

from tree_sitter import Language

_PACKAGES = {
    "python": ("tree_sitter_python", "language"),
    "shellscript": ("tree_sitter_bash", "language"),
    "json": ("tree_sitter_json", "language"),
    "jsonc": ("tree_sitter_json", "language"),
    "yaml": ("tree_sitter_yaml", "language"),
    "toml": ("tree_sitter_toml", "language"),
    "dockerfile": ("tree_sitter_containerfile", "language"),
    "makefile": ("tree_sitter_make", "language"),
    "sql": ("tree_sitter_sql", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "javascriptreact": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "typescriptreact": ("tree_sitter_typescript", "language_tsx"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "java": ("tree_sitter_java", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
}
LANGUAGES = tuple(_PACKAGES)


@cache
def grammar_of(language: str) -> Language | None:
    """The grammar of an LSP language identifier, once for all threads; None where there is none."""
    if language not in _PACKAGES:
        return None
    package, function = _PACKAGES[language]
    try:
        return Language(getattr(import_module(package), function)())
    except ImportError:
        return None

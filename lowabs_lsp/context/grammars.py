"""Which grammar reads a file, what a declaration is in it, and what looks like one where there is no grammar."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath

from attrs import frozen
from tree_sitter import Language, Query


@frozen
class Grammar:
    """Where a grammar is found, and the tree-sitter query that captures declared names as `n`."""

    package: str
    function: str
    query: str


_FUNCTION = "declarator: (function_declarator declarator: (identifier) @n)"
_C = (
    f"(function_definition {_FUNCTION}) (function_definition declarator: (pointer_declarator {_FUNCTION}))"
    f"(declaration {_FUNCTION}) (declaration declarator: (pointer_declarator {_FUNCTION}))"
    "(struct_specifier name: (_) @n body: (_)) (enum_specifier name: (_) @n body: (_)) (type_definition declarator: (_) @n)"
    "(preproc_def name: (_) @n) (preproc_function_def name: (_) @n)"
)
_JAVASCRIPT = (
    "(function_declaration name: (_) @n) (generator_function_declaration name: (_) @n) (class_declaration name: (_) @n)"
    "(method_definition name: (_) @n) (program (lexical_declaration (variable_declarator name: (identifier) @n)))"
    "(export_statement (lexical_declaration (variable_declarator name: (identifier) @n)))"
)
_TYPESCRIPT = (
    "(interface_declaration name: (_) @n) (type_alias_declaration name: (_) @n) (enum_declaration name: (_) @n)"
    "(abstract_class_declaration name: (_) @n) (function_signature name: (_) @n) (method_signature name: (_) @n)"
)
_TABLE = {
    ".py .pyi": Grammar(
        "tree_sitter_python",
        "language",
        "(function_definition name: (_) @n) (class_definition name: (_) @n)"
        "(module (expression_statement (assignment left: (identifier) @n)))",
    ),
    ".js .mjs .cjs .jsx": Grammar("tree_sitter_javascript", "language", _JAVASCRIPT),
    ".ts .mts .cts": Grammar("tree_sitter_typescript", "language_typescript", _JAVASCRIPT + _TYPESCRIPT),
    ".tsx": Grammar("tree_sitter_typescript", "language_tsx", _JAVASCRIPT + _TYPESCRIPT),
    ".go": Grammar(
        "tree_sitter_go",
        "language",
        "(function_declaration name: (_) @n) (method_declaration name: (_) @n) (type_spec name: (_) @n)"
        "(source_file (const_declaration (const_spec name: (_) @n))) (source_file (var_declaration (var_spec name: (_) @n)))",
    ),
    ".rs": Grammar(
        "tree_sitter_rust",
        "language",
        "(function_item name: (_) @n) (function_signature_item name: (_) @n) (struct_item name: (_) @n)"
        "(enum_item name: (_) @n) (trait_item name: (_) @n) (type_item name: (_) @n) (const_item name: (_) @n)"
        "(static_item name: (_) @n) (macro_definition name: (_) @n)",
    ),
    ".java": Grammar(
        "tree_sitter_java",
        "language",
        "(class_declaration name: (_) @n) (interface_declaration name: (_) @n) (enum_declaration name: (_) @n)"
        "(record_declaration name: (_) @n) (method_declaration name: (_) @n)",
    ),
    ".c": Grammar("tree_sitter_c", "language", _C),
    ".h .cc .cpp .cxx .hpp .hh .hxx": Grammar(
        "tree_sitter_cpp",
        "language",
        _C + "(class_specifier name: (_) @n body: (_)) (alias_declaration name: (_) @n)"
        "(function_declarator declarator: (field_identifier) @n)"
        "(function_declarator declarator: (qualified_identifier name: (identifier) @n))",
    ),
    ".sh .bash .zsh .bats": Grammar("tree_sitter_bash", "language", "(function_definition name: (_) @n)"),
}
GRAMMARS = {suffix: grammar for suffixes, grammar in _TABLE.items() for suffix in suffixes.split()}
_DECLARED = re.compile(
    r"""^[ \t]*(?:
      (?:(?:export|default|public|private|protected|internal|static|final|abstract|async|override|open|sealed|data|pub|local)\s+)*
      (?:def|class|func|fun|function|fn|struct|interface|trait|enum|type|module|object|sub|proc|macro|protocol)\s+(?:\w+[.:])*
    | (?:create|CREATE)\s+(?:or\s+replace\s+|OR\s+REPLACE\s+)?\w+\s+(?:if\s+not\s+exists\s+|IF\s+NOT\s+EXISTS\s+)?(?:\w+\.)?
    | (?:resource\s+"[^"]*"|variable|module|data\s+"[^"]*"|output)\s+"
    | FROM\s+\S+\s+(?:as|AS)\s+ | ARG\s+ | ENV\s+ | define\s+ | \#define\s+
    )(?P<name>[A-Za-z_]\w*) | ^(?:export\s+|readonly\s+)?(?P<set>[A-Za-z_]\w*)[ \t]*[:?+]?=(?!=)""",
    re.VERBOSE | re.MULTILINE,
)
"""Declarations as many languages write them, for files without a grammar."""


def suffix_of(path: str, text: str) -> str:
    """What tells the language: the name, else the program that a script asks for."""
    suffix = PurePosixPath(path).suffix.lower()
    asked = re.match(r"#!.*\b(?:(bash|sh|zsh)|(python[\d.]*)|(node))\b", text) if not suffix else None
    return (".sh", ".py", ".js")[asked.lastindex - 1] if asked and asked.lastindex else suffix


@cache
def load(grammar: Grammar) -> tuple[Language, Query] | None:
    """A grammar ready for use, once for all threads; nothing where its package is not installed."""
    try:
        language = Language(getattr(import_module(grammar.package), grammar.function)())
    except ImportError:
        return None
    return language, Query(language, grammar.query)


def declared(text: str) -> Iterator[tuple[str, int]]:
    """What looks declared in `text`, with its line from 0."""
    line = at = 0
    for match in _DECLARED.finditer(text):
        start = match.start("name") if match["name"] else match.start("set")
        line, at = line + text.count("\n", at, start), start
        yield match["name"] or match["set"], line

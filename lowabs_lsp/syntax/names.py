"""Names that a text uses and nothing near it, no builtin and no file of the workspace knows."""

import builtins
import keyword
import re
import sys
from collections.abc import Callable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PYTHON = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *sys.stdlib_module_names, "self", "cls"})
_JAVASCRIPT = _words(
    """abstract any as async await boolean break case catch class const constructor continue debugger declare default delete do
    else enum export extends false finally for from function get if implements import in infer instanceof interface is keyof let
    module namespace never new null number object of package private protected public readonly require return set static string
    super switch symbol this throw true try type typeof undefined unknown var void while with yield Array ArrayBuffer BigInt
    Boolean Buffer DataView Date Error Function Infinity Intl JSON Map Math NaN Number Object Promise Proxy RangeError Record
    Reflect RegExp Set String Symbol SyntaxError TypeError URL Uint8Array WeakMap WeakSet console document exports fetch global
    globalThis isNaN parseFloat parseInt process setInterval setTimeout clearInterval clearTimeout window Partial Readonly Pick
    Omit Required Exclude Extract NonNullable ReturnType arguments"""
)
_GO = _words(
    """any append bool break byte cap case chan clear close comparable complex complex128 complex64 const continue copy default
    defer delete else error fallthrough false float32 float64 for func go goto if imag import int int16 int32 int64 int8
    interface iota len make map max min new nil package panic print println range real recover return rune select string struct
    switch true type uint uint16 uint32 uint64 uint8 uintptr var"""
)
_RUST = _words(
    """Box Clone Copy Debug Default Drop Eq Err From Into Iterator None Ok Option Ord PartialEq Result Self Send Some String
    Sync ToString Vec as assert assert_eq async await bool break char const continue crate dbg derive dyn else enum extern f32
    f64 false fn for format i128 i16 i32 i64 i8 if impl in isize let loop match mod move mut panic print println pub ref return
    self static str struct super trait true type u128 u16 u32 u64 u8 unsafe use usize vec where while matches todo unreachable
    eprintln Arc Rc std core alloc cfg test allow"""
)
_KNOWN = {
    "python": _PYTHON,
    "go": _GO,
    "rust": _RUST,
    **dict.fromkeys(("javascript", "javascriptreact", "typescript", "typescriptreact"), _JAVASCRIPT),
}
_TOKEN = re.compile(
    r"""(?P<skip>\#[^\n]*|//[^\n]*|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?|\d\w*)"""
    r"""|(?P<dot>\??\.\s*|::\s*)?(?P<name>[^\W\d]\w*)(?P<bound>\s*(?::=|=(?![=>])))?""",
)
_BINDING = re.compile(
    r"(?:\b(?:def|class|import|as|for|lambda|func|function|fn|let|const|var|mut|struct|enum|type|interface|trait|mod|except|"
    r"global|nonlocal|async|catch)\s+|\bfor\s+[\w\s,()]*,\s*|\bimport\s+[\w\s,.]*,\s*|\blambda\s+[\w\s,]*,\s*)$"
)

_UNPACKED = re.compile(r"^[ \t]*(?:(?:let|const|var)\s+)?[\[({]?([\w*][\w\s,*]*)[\])}]?\s*(?::=|=)(?!=)", re.MULTILINE)
_PARAMETERS = re.compile(r"\b(?:def|fn|func|function)\b[^\n(]*\(([^)]*)|\(([^()]*)\)\s*=>")

Knows = Callable[[str], bool]


def unknown_names(language: str, line: str, text: str, document: str, knows: Knows) -> list[str]:
    """The names that `text`, which goes on behind `line`, uses and that nothing has: not `document`, not itself.

    Attributes, keyword arguments and what the text binds itself are left out. `knows` tells of the workspace. Where the
    language's builtins are not known here, nothing is unknown.
    """
    known = _KNOWN.get(language)
    if known is None:
        return []
    whole = line + text
    bound = {name for names in (*_UNPACKED.findall(whole), *_parameters(whole)) for name in re.findall(r"\w+", names)}
    unknown: list[str] = []
    for match in _TOKEN.finditer(whole):
        name = match["name"]
        if name is None or match["dot"]:
            continue
        if match["bound"] or _BINDING.search(whole, max(0, match.start() - 60), match.start()):
            bound.add(name)
        elif match.end("name") > len(line) and name not in known and not _has(document, name) and not knows(name):
            unknown.append(name)
    return [name for name in unknown if name not in bound]


def _parameters(text: str) -> list[str]:
    return [declared or arrow for declared, arrow in _PARAMETERS.findall(text)]


def _has(document: str, name: str) -> bool:
    return name in document and re.search(rf"\b{re.escape(name)}\b", document) is not None

"""Texts are cut at their joints, and their declarations are found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.context.chunks import MOST_LINES, Outliner
from lowabs_lsp.context.grammars import GRAMMARS, Grammar, load

FUNCTION = "def function_{}(value):\n" + "    value += 1\n" * 8 + "    return value\n\n\n"
CLASS = "class Long:\n    attribute = 1\n\n" + "".join(
    f"    {line}\n" for line in (FUNCTION.format("a") + FUNCTION.format("b")).split("\n")
)
SHELL = "#!/bin/bash\n" + "".join(f"run_{n}() {{\n" + "  echo hello\n" * 9 + "}\n\n" for n in range(3))

texts = st.lists(
    st.sampled_from(
        ["def f(x):", "    if x:", "        return x", "class A:", "}", "x = (", "", "  - name: a", "# note", "\té"]
    ),
    max_size=120,
).map("\n".join)


@settings(deadline=None)
@given(text=texts, path=st.sampled_from(["a.py", "a.go", "a.ts", "a.yaml", "a.sh", "a.cpp", "Makefile"]))
def test_chunks_hold_every_line_once_in_order_and_none_is_too_long(text: str, path: str) -> None:
    outline = Outliner().outline(path, text)
    assert [line for first, end in outline.chunks for line in range(first, end)] == list(range(text.count("\n") + 1))
    assert all(end - first <= MOST_LINES for first, end in outline.chunks)
    assert all(0 <= line <= text.count("\n") for _, line in outline.declarations)


@pytest.mark.parametrize(
    ("path", "text"), [("a.py", "".join(map(FUNCTION.format, range(4)))), ("run", SHELL), ("a.yaml", SHELL)]
)
def test_a_function_that_fits_is_not_cut(path: str, text: str) -> None:
    lines = text.split("\n")
    outline = Outliner().outline(path, text)
    heads = [n for n, line in enumerate(lines) if line.startswith(("def ", "run_"))]
    for head in heads:
        _, end = next(chunk for chunk in outline.chunks if chunk[0] <= head < chunk[1])
        assert head + 10 <= end


def test_the_header_of_a_long_block_stays_with_its_beginning() -> None:
    outline = Outliner().outline("a.py", CLASS)
    assert outline.chunks[0][0] == 0
    assert outline.chunks[0][1] > 2


def test_a_text_deeper_than_the_stack_is_cut() -> None:
    text = "x = (" + "1 +\n" * 3000 + "1)\n"
    assert sum(end - first for first, end in Outliner().outline("a.py", text).chunks) == 3002


@pytest.mark.parametrize(
    ("path", "text", "declared"),
    [
        ("a.py", "LIMIT = 1\n@x\nclass A(B):\n    def m(self):\n        y = 1\nasync def f(): ...\n", "LIMIT A m f"),
        ("a.pyi", "def f() -> int: ...\n", "f"),
        ("a.js", "function f() {}\nexport const g = () => 1\nclass A { m() { const x = 1 } }\n", "f g A m"),
        ("a.ts", "interface I { m(): void }\ntype T = string\nenum E { A }\nabstract class C {}\n", "I m T E C"),
        ("a.tsx", "export function View() { return <div/> }\n", "View"),
        ("a.go", "package a\nconst Max = 1\ntype T struct{}\nfunc (t *T) M() {}\nfunc F() {}\n", "Max T M F"),
        ("a.rs", "pub struct S;\nimpl S { pub fn m(&self) {} }\ntrait T { fn n(); }\nmacro_rules! k { () => {} }\n", "S m T n k"),
        ("a.java", "class A { int m() { return 1; } }\ninterface I { void n(); }\nrecord R(int x) {}\n", "A m I n R"),
        ("a.c", "#define MAX 1\nstruct s { int x; };\nint *f(void) { return 0; }\nint g(int);\ntypedef int t;\n", "MAX s f g t"),
        ("a.cpp", "class A { void m(); };\nvoid A::m() {}\nnamespace n { int f() { return 1; } }\n", "A m m f"),
        ("a.sh", "f() { echo; }\nfunction g { echo; }\n", "f g"),
        ("a.lua", "local function f()\nend\nfunction M.g()\nend\n", "f g"),
        ("a.sql", "CREATE TABLE IF NOT EXISTS app.users (id int);\ncreate or replace view v as select 1;\n", "users v"),
        ("a.tf", 'variable "region" {}\nresource "aws_vpc" "main" {}\n', "region main"),
        ("Makefile", "CC := gcc\nall: main.o\n", "CC"),
        ("Dockerfile", "FROM python:3 AS base\nARG VERSION\nENV HOME=/x\n", "base VERSION HOME"),
        ("a.kt", "data class P(val x: Int)\nfun f() {}\n", "P f"),
        ("run", "#!/usr/bin/env python3\ndef f(): pass\n", "f"),
        ("run", "#!/bin/bash\nf() { echo; }\n", "f"),
    ],
)  # fmt: skip
def test_declarations_are_found_in_order(path: str, text: str, declared: str) -> None:
    assert " ".join(name for name, _ in Outliner().outline(path, text).declarations) == declared


def test_a_declaration_stands_on_its_line() -> None:
    assert Outliner().outline("a.py", "\n\nclass A:\n    def m(self): ...\n").declarations == (("A", 2), ("m", 3))


@pytest.mark.parametrize("grammar", {id(g): g for g in GRAMMARS.values()}.values(), ids=lambda grammar: grammar.package)
def test_every_grammar_is_installed_and_its_query_holds(grammar: object) -> None:
    assert load(grammar) is not None  # type: ignore[arg-type]  # parametrize knows no types


def test_a_grammar_that_is_not_installed_is_done_without() -> None:
    assert load(Grammar("tree_sitter_of_no_language", "language", "")) is None

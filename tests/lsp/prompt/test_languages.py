"""Languages: names, comments, block openers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.prompt.languages import is_among, is_comment, language_of, lsp_identifier, opens_block


@pytest.mark.parametrize(
    ("path", "text", "language"),
    [
        ("a/b.py", "", "python"), ("Dockerfile", "", "dockerfile"), ("x/Dockerfile.dev", "", "dockerfile"),
        ("Makefile", "", "makefile"), ("GNUmakefile", "", "makefile"), ("ci.yml", "", "yaml"), ("run", "#!/bin/sh\n", "shellscript"),
        ("run", "#!/usr/bin/env python3\n", "python"), ("run", "#!/usr/bin/env bash\n", "shellscript"),
        ("notes", "hello", "plaintext"), (r"C:\dir\x.TS", "", "typescript"), ("empty", "", "plaintext"),
    ],
)  # fmt: skip
def test_a_file_is_known_by_its_name_or_its_first_line(path: str, text: str, language: str) -> None:
    assert language_of(path, text) == language


@pytest.mark.parametrize(
    ("language", "line", "opens"),
    [
        ("python", "def f(x):", True), ("python", "x = [", True), ("python", "x = 1", False), ("python", "", False),
        ("shellscript", "if true; then", True), ("shellscript", "echo done-ish", False), ("go", "func f() {", True),
        ("yaml", "services:", True), ("yaml", "image: x", False), ("makefile", "all: build", True), ("makefile", "X := 1", False),
        ("dockerfile", "RUN a && \\", True), ("toml", "[tool.x]", True), ("sql", "SELECT", True), ("sql", "SELECT 1;", False),
        ("klingon", "f {", True),
    ],
)  # fmt: skip
def test_a_block_opens_where_the_language_says_so(language: str, line: str, opens: bool) -> None:
    assert opens_block(language, line) is opens


@pytest.mark.parametrize(
    ("language", "line", "comment"),
    [
        ("python", "    # sort it", True), ("python", '    """Return it."""', True), ("python", "x = 1  # one", False),
        ("shellscript", "# build", True), ("shellscript", "#!/bin/sh", False), ("rust", "// sum", True), ("sql", "-- all", True),
    ],
)  # fmt: skip
def test_a_comment_is_known(language: str, line: str, comment: bool) -> None:
    assert is_comment(language, line) is comment


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("python", "python"), ("sh", "shellscript"), ("bash", "shellscript"), ("bash-ts-mode", "shellscript"), ("make", "makefile"),
        ("c++", "cpp"), ("c++-ts", "cpp"), ("c-sharp", "csharp"), ("tsx", "typescriptreact"), ("yaml.ansible", "yaml"),
        ("Python", "python"), ("ipython", "python"), ("klingon", "klingon"), ("", ""),
    ],
)  # fmt: skip
def test_what_an_editor_calls_a_language_is_known_by_its_identifier(name: str, identifier: str) -> None:
    assert lsp_identifier(name) == identifier


@given(st.text())
def test_an_identifier_is_its_own_name(name: str) -> None:
    assert lsp_identifier(lsp_identifier(name)) == lsp_identifier(name)


def test_a_language_is_among_those_that_are_listed_by_another_name() -> None:
    assert is_among("shellscript", ["yaml", "sh"])
    assert not is_among("python", ["yaml", "sh"])
    assert not is_among("python", [])

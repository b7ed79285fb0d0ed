"""Names that nothing knows."""

import pytest

from lowabs_lsp.syntax.names import unknown_names


@pytest.mark.parametrize(
    ("language", "line", "text", "unknown"),
    [
        ("python", "x = ", "foo(bar, baz=1) + self.qux", ["bar"]),
        ("python", "    for i, j ", "in enumerate(things): print(i, j, os)", []),
        ("python", "x, y", " = 1, zz", ["zz"]),
        ("python", "x = ", "[each for each in things]", []),
        ("python", "lambda a, b: ", "a + c", ["c"]),
        ("python", "f('", "abc') + 'def' # comment", []),
        ("python", "def ", "g(self, aa: int, bb=1):\n    return aa + cc", ["cc"]),
        ("python", "foo", "_bar(1)", ["foo_bar"]),
        ("javascript", "const x = ", "require('a'); foo(`y`)", []),
        ("typescript", "const f = ", "(aa, bb) => aa + cc", ["cc"]),
        ("go", "x := ", "append(xs, y)", ["xs", "y"]),
        ("yaml", "a: ", "whatever", []),
    ],
)
def test_only_used_names_that_nothing_has_are_unknown(language: str, line: str, text: str, unknown: list[str]) -> None:
    assert unknown_names(language, line, text, "def foo(): things = 1", knows=lambda name: False) == unknown


def test_the_workspace_knows_names() -> None:
    assert unknown_names("python", "", "helper(1)", "", knows={"helper"}.__contains__) == []

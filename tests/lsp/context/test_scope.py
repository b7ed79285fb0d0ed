"""What stands above the window and must be known inside of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.context.scope import enclosing, imports, lead, statement


def shown(text: str, budget: int = 1000) -> str:
    """The lead of the window that begins behind the mark."""
    above, _, below = text.partition("‸")
    return lead(above, below, budget=budget, count=len)


PYTHON = '''"""Docs."""
import os
from a import (
    b,
    c,
)

LIMIT = 1


class A:
    """Docs."""

    x = 1

    # a comment
    def long(
        self,
        value: int,
    ) -> int:
        if value:
            y = 1
        for i in range(3):
            z = {
                "a": 1,
            }
‸            return z
'''


def test_python_shows_imports_class_signature_and_block() -> None:
    assert shown(PYTHON).split("\n") == [
        "import os",
        "from a import (",
        "    b,",
        "    c,",
        ")",
        "",
        "class A:",
        "    def long(",
        "        self,",
        "        value: int,",
        "    ) -> int:",
        "        for i in range(3):",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("package main\n\nimport (\n\t\"fmt\"\n)\n\nfunc f(a int) error {\n\tif a > 1 {\n\t\tg()\n‸\t\th()\n", 'package main\nimport (\n\t"fmt"\n)\n\nfunc f(a int) error {\n\tif a > 1 {\n'),
        ("import {\n  a,\n} from 'b'\nconst x = 1\nexport class C {\n  m() {\n    a()\n  }\n\n‸  n() {}\n", "import {\n  a,\n} from 'b'\n\nexport class C {\n"),
        ("apiVersion: v1\nkind: Service\nspec:\n  ports:\n  - name: a\n    port: 1\n‸    protocol: TCP\n", "apiVersion: v1\nkind: Service\n\nspec:\n  ports:\n  - name: a\n"),
        ("FROM python:3 AS base\nRUN x\nRUN y\n‸RUN z\n", "FROM python:3 AS base\n"),
        ("#include <a.h>\n\nint f(void)\n{\n    int x;\n‸    x = 1;\n", "#include <a.h>\n\nint f(void)\n{\n"),
        ("x = 1\ny = 2\n‸z = 3\n", ""),
        ("‸x = 1\n", ""),
        ("def f():\n    x = 1\n‸\n\ny = 2\n", ""),
    ],
)  # fmt: skip
def test_other_languages(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_where_room_is_short_the_nearest_stay_and_nothing_is_torn() -> None:
    whole = shown(PYTHON)
    loop = "        for i in range(3):\n"
    signature = "    def long(\n        self,\n        value: int,\n    ) -> int:\n"
    assert [shown(PYTHON, budget) for budget in (0, 30, 95, 120)] == [
        "",
        loop,
        signature + loop,
        f"class A:\n{signature}{loop}",
    ]
    assert shown(PYTHON, len(whole)) == whole


@given(
    lines=st.lists(st.sampled_from(["class A:", "    def f(", "    ):", "        x = (", ")", "", "# n", "import a (", "\tq"]), max_size=60),
    cut=st.integers(0, 60),
    budget=st.integers(0, 200),
)  # fmt: skip
def test_a_lead_fits_its_budget_and_takes_lines_from_above_in_order(lines: list[str], cut: int, budget: int) -> None:
    above, below = "".join(f"{line}\n" for line in lines[:cut]), "\n".join(lines[cut:])
    led = lead(above, below, budget=budget, count=len)
    assert len(led) <= budget
    numbers = [number for header in enclosing(lines[:cut], 8) for number in header]
    assert numbers == sorted(set(numbers))
    assert all(line in lines[:cut] for line in led.split("\n")[:-1] if line)


def test_imports_are_looked_for_near_the_top_only() -> None:
    assert imports(["import a", *["x"] * 300, "import b"]) == [[0]]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("def f(a, b):\n    return a", 1),
        ("def f(\n    a,\n    b,\n):\n    return a", 4),
        ("func f(a int) {\n\treturn\n}", 1),
        ("interface A {\n  x: int\n}", 1),
        ("LIMIT = [\n" + "  1,\n" * 20 + "]", 6),
        ("x = {", 1),
    ],
)
def test_a_statement_ends_before_its_body(text: str, lines: int) -> None:
    assert statement(text.split("\n"), 0) == list(range(lines))

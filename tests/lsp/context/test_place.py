"""What is on screen and near the cursor, and which files are of a kind."""

import pytest

from lowabs_lsp.context.place import Place, family_of
from lowabs_lsp.values import Document


def place(marked: str, start: int = 0, suffix: str = "") -> Place:
    offset = marked.index("‸")
    return Place(Document("file:///w/a.py", "a.py", "python", marked.replace("‸", "")), offset, start, suffix)


def test_near_lines_come_by_distance() -> None:
    assert place("a\nb\nc‸d\ne\nf").near == [(0, "c"), (1, "b"), (1, "e"), (2, "a"), (2, "f")]


def test_the_share_that_is_shown_leaves_blanks_aside() -> None:
    here = place("a\nb\nc‸\nd", start=2, suffix="\nd")
    assert [here.shows(lines) for lines in [("b", " d "), ("a", "b"), ("a",), ("", ""), ()]] == [1.0, 0.5, 0.0, 1.0, 1.0]
    assert (here.line, here.first_line, here.visible) == (2, 1, "b\nc\nd")


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("a.py", "b/c.pyi", True),
        ("a.ts", "a.jsx", True),
        ("a.h", "a.cc", True),
        ("plugins/functions", "run.sh", True),
        ("Dockerfile", "base.Dockerfile", True),
        ("Dockerfile.dev", "Dockerfile", True),
        ("Makefile", "Dockerfile", False),
        ("a.py", "a.md", False),
        ("a.yml", "b.yaml", True),
        ("a.zig", "b.zig", True),
    ],
)
def test_files_of_a_kind(one: str, other: str, alike: bool) -> None:
    assert (family_of(one) == family_of(other)) is alike

"""What was chosen stands in the prompt file by file."""

from lowabs_lsp.context.sources import Choice
from lowabs_lsp.values import Snippet


def test_neighbours_from_one_file_are_one_and_say_once_what_they_stand_under() -> None:
    members = [Snippet("a.py", f"class A:\n    def {name}(self):\n", name) for name in "xy"]
    choice = Choice(declarations=(*members, Snippet("a.py", "LIMIT = 1\n", "z")))
    text = "class A:\n    def x(self):\n    def y(self):\n\nLIMIT = 1\n"
    assert choice.snippets == (Snippet("a.py", text, "x; y; z"),)


def test_each_source_keeps_its_place() -> None:
    a, b, c = (Snippet(f"{name}.py", f"{name}\n", name) for name in "abc")
    assert Choice(edits=(a,), similar=(b,), declarations=(c,)).snippets == (c, b, a)


def test_two_snippets_of_one_line_stay_two_lines() -> None:
    twice = Choice(declarations=(Snippet("a.py", "x\n", "1"), Snippet("a.py", "x\n", "2")))
    assert twice.snippets == (Snippet("a.py", "x\n\nx\n", "1; 2"),)

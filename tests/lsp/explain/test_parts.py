"""What the model was shown, taken apart."""

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.explain.parts import MOST, Kind, parts_of
from lowabs_lsp.values import Context, Document, Snippet

LINES = st.lists(st.sampled_from(["", "a = 1", "    b", "def f():", "}"]), max_size=120)


@given(above=LINES, below=LINES)
def test_the_parts_above_are_the_lines_above(above: list[str], below: list[str]) -> None:
    prefix, suffix = "\n".join([*above, "x = "]), "\n".join([")", *below])
    document = Document("file:///w/a.py", "a.py", "python", prefix + suffix)
    parts = parts_of(Context("a.py", "python", prefix, suffix), document, len(prefix))
    assert [line for part in parts if part.kind is Kind.ABOVE for line in part.lines] == above
    assert len(parts) <= MOST
    lines = document.text.split("\n")
    for part in parts:
        assert tuple(lines[part.first - 1 : part.first - 1 + len(part.lines)]) == part.lines
        left = part.without.prefix + part.without.suffix
        assert left.split("\n") == lines[: part.first - 1] + lines[part.first - 1 + len(part.lines) :]


def test_a_snippet_is_a_part() -> None:
    snippets = (Snippet("b.py", "b = 1\n", "open file"), Snippet("c.py", "c = 1\n", "open file"))
    context = Context("a.py", "python", "x = ", "", snippets)
    parts = parts_of(context, Document("file:///w/a.py", "a.py", "python", "x = "), 4)
    assert [(part.path, part.lines, part.without.snippets) for part in parts] == [
        ("b.py", ("b = 1",), snippets[1:]),
        ("c.py", ("c = 1",), snippets[:1]),
    ]


def test_a_header_from_far_above_has_no_line_number() -> None:
    document = Document("file:///w/a.py", "a.py", "python", "import os\n" + "x = 1\n" * 50 + "y = ")
    context = Context("a.py", "python", "import os\nx = 1\nx = 1\ny = ", "")
    parts = parts_of(context, document, len(document.text))
    assert [(part.first, part.lines) for part in parts] == [(0, ("import os",)), (50, ("x = 1",)), (51, ("x = 1",))]

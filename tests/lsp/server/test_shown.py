"""What was shown answers the keys that follow it."""

import pytest

from lowabs_lsp.server.shown import REMEMBERED, ShownCompletions
from lowabs_lsp.values import Completion, Document, Reason

CURSOR = "‸"
NOTHING = Completion("", Reason.EMPTY)


def place(marked: str, uri: str = "file:///a.py") -> tuple[Document, int]:
    return Document(uri, "a.py", "python", marked.replace(CURSOR, "")), marked.index(CURSOR)


def shown(*examples: tuple[str, str]) -> ShownCompletions:
    memory = ShownCompletions()
    for marked, text in examples:
        memory.remember(*place(marked), text)
    return memory


@pytest.mark.parametrize(
    ("marked", "completion"),
    [
        ("x = ‸\n", Completion("foo(1)", Reason.CACHED)),
        ("x = f‸\n", Completion("oo(1)", Reason.TYPED_THROUGH)),
        ("x = foo(‸\n", Completion("1)", Reason.TYPED_THROUGH)),
        ("x = foo(1)‸\n", NOTHING),
        ("x = g‸\n", NOTHING),
        ("x =‸\n", NOTHING),
        ("y = f‸\n", NOTHING),
        ("x = f‸)\n", NOTHING),
    ],
)
def test_typing_along_needs_no_model(marked: str, completion: Completion) -> None:
    assert shown(("x = ‸\n", "foo(1)")).recall(*place(marked)) == completion


def test_backspace_comes_back_to_what_was_shown() -> None:
    memory = shown(("x = ‸", "foo"), ("x = g‸", "lobal"))
    assert memory.recall(*place("x = f‸")).text == "oo"
    assert memory.recall(*place("x = ‸")).text == "foo"


def test_the_newest_that_fits_is_taken() -> None:
    assert shown(("x = ‸", "foo"), ("x = f‸", "ar")).recall(*place("x = f‸")).text == "ar"


def test_a_rest_that_nobody_can_see_is_not_shown() -> None:
    assert shown(("if x‸", ":\n    ")).recall(*place("if x:‸")) == NOTHING


def test_documents_are_apart() -> None:
    assert shown(("x = ‸", "foo")).recall(*place("x = ‸", uri="file:///b.py")) == NOTHING


def test_only_the_last_ones_are_kept() -> None:
    memory = shown(*[(f"x{n} = ‸", "foo") for n in range(REMEMBERED + 1)])
    assert memory.recall(*place("x0 = ‸")) == NOTHING
    assert memory.recall(*place("x1 = ‸")).text == "foo"


def test_a_closed_document_is_forgotten() -> None:
    memory = shown(("x = ‸", "foo"))
    memory.forget("file:///a.py")
    memory.forget("file:///never-seen.py")
    assert memory.recall(*place("x = ‸")) == NOTHING


def test_another_model_clears_all() -> None:
    memory = shown(("x = ‸", "foo"))
    memory.clear()
    assert memory.recall(*place("x = ‸")) == NOTHING

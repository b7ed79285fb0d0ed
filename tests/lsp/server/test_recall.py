"""What was completed before answers the keys that follow it."""

import pytest

from lowabs_lsp.server.recall import MOST_CHARACTERS, REMEMBERED, SUFFIXES, Recall
from lowabs_lsp.values import Completion, Document, Generated, Reason, Stop

CURSOR = "‸"


def place(marked: str, uri: str = "file:///a.py") -> tuple[Document, int]:
    return Document(uri, "a.py", "python", marked.replace(CURSOR, "")), marked.index(CURSOR)


def said(text: str) -> Completion:
    return Completion(text, Reason.SHOWN)


def silent(stop: Stop, reason: Reason = Reason.EMPTY) -> Completion:
    return Completion("", reason, Generated("", (), (), stop))


def after(*examples: tuple[str, str]) -> Recall:
    recall = Recall()
    for marked, text in examples:
        recall.remember(*place(marked), said(text))
    return recall


@pytest.mark.parametrize(
    ("marked", "completion"),
    [
        ("x = ‸\n", Completion("foo(1)", Reason.CACHED)),
        ("x = f‸\n", Completion("oo(1)", Reason.TYPED_THROUGH)),
        ("x = foo(‸\n", Completion("1)", Reason.TYPED_THROUGH)),
        ("x = foo(‸)\n", Completion("1", Reason.TYPED_THROUGH)),
        ("x = foo(1)‸\n", None),
        ("x = g‸\n", None),
        ("x =‸\n", None),
        ("y = f‸\n", None),
        ("x = f‸)\n", None),
    ],
)
def test_typing_along_needs_no_model(marked: str, completion: Completion | None) -> None:
    assert after(("x = ‸\n", "foo(1)")).recall(*place(marked)) == completion


def text_at(recall: Recall, marked: str) -> str | None:
    found = recall.recall(*place(marked))
    return found and found.text


def test_backspace_comes_back_to_what_was_shown() -> None:
    recall = after(("x = ‸", "foo"), ("x = g‸", "lobal"))
    assert [text_at(recall, marked) for marked in ("x = f‸", "x = ‸")] == ["oo", "foo"]


def test_what_was_in_view_last_stays_in_view() -> None:
    recall = after(("x = ‸", "foo"), ("x = f‸", "ar"))
    assert text_at(recall, "x = f‸") == "ar"
    assert text_at(recall, "x = ‸") == "foo"
    assert text_at(recall, "x = f‸") == "oo"


def test_what_is_said_anew_at_a_place_replaces_what_was_said_there() -> None:
    assert text_at(after(("x = ‸", "foo"), ("x = ‸", "bar")), "x = f‸") is None


def test_a_rest_that_nobody_can_see_is_not_shown() -> None:
    assert text_at(after(("if x‸", ":\n    ")), "if x:‸") is None


def test_documents_are_apart() -> None:
    assert after(("x = ‸", "foo")).recall(*place("x = ‸", uri="file:///b.py")) is None


@pytest.mark.parametrize("stop", Stop)
def test_a_silence_is_remembered_for_its_very_place_if_it_would_be_the_same_again(stop: Stop) -> None:
    recall = Recall()
    recall.remember(*place("x = ‸\n"), silent(stop))
    settled = stop not in (Stop.CANCELLED, Stop.DEADLINE)
    assert recall.recall(*place("x = ‸\n")) == (Completion("", Reason.EMPTY) if settled else None)
    assert recall.recall(*place("x = f‸\n")) is None


def test_silences_end_when_something_else_changes() -> None:
    recall = after(("x = ‸", "foo"))
    recall.remember(*place("y = ‸"), silent(Stop.END))
    recall.forget_silences(except_in="file:///a.py")
    assert text_at(recall, "y = ‸") == ""
    recall.forget_silences()
    assert (text_at(recall, "y = ‸"), text_at(recall, "x = ‸")) == (None, "foo")


def test_only_the_last_ones_are_kept() -> None:
    recall = after(*[(f"x{n} = ‸", "foo") for n in range(REMEMBERED + 1)])
    assert (text_at(recall, "x0 = ‸"), text_at(recall, "x1 = ‸")) == (None, "foo")
    recall = after(*[(f"x = ‸\n{n}", "foo") for n in range(SUFFIXES + 1)])
    assert (text_at(recall, "x = ‸\n0"), text_at(recall, "x = ‸\n1")) == (None, "foo")


def test_large_documents_do_not_pile_up() -> None:
    big = "#" * (MOST_CHARACTERS // 3)
    recall = after(*[(f"{n} = ‸\n{big}", "foo") for n in range(3)])
    recall.remember(*place(f"x = ‸{big}", uri="file:///b.py"), said("foo"))
    recall.remember(*place(f"y = ‸\n\n{big}", uri="file:///b.py"), said("foo"))
    assert sum(group.size for _, group in recall._order.values()) <= MOST_CHARACTERS
    assert recall.recall(*place(f"y = ‸\n\n{big}", uri="file:///b.py")) is not None


def test_a_closed_document_is_forgotten() -> None:
    recall = after(("x = ‸", "foo"))
    recall.forget("file:///a.py")
    recall.forget("file:///never-seen.py")
    assert (text_at(recall, "x = ‸"), len(recall._order)) == (None, 0)


def test_another_model_clears_all() -> None:
    recall = after(("x = ‸", "foo"))
    recall.clear()
    assert text_at(recall, "x = ‸") is None

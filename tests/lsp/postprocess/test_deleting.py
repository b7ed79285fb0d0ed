"""Taking words back."""

import pytest

from lowabs_lsp.completer import Completer
from lowabs_lsp.engine.scripted import ScriptedEngine
from lowabs_lsp.postprocess.deleting import Deletions
from lowabs_lsp.settings import Settings
from lowabs_lsp.values import Document, Limits, Reason

CURSOR = "‸"


def looked_at(deletions: Deletions, marked: str, uri: str = "file:///w/a.py") -> bool:
    return deletions.goes_on(Document(uri, "a.py", "python", marked.replace(CURSOR, "")), marked.index(CURSOR))


@pytest.mark.parametrize(
    ("before", "now", "deleting"),
    [
        ("value‸", "valu‸", True),
        ("value‸\nx", "va‸\nx", True),
        ("value‸", "value_‸", False),
        ("value‸", "‸", False),
        ("a.b‸", "a.‸", False),
        ("value‸\nx", "valu‸\ny", False),
        ("value‸", "othe‸", False),
        ("va‸lue", "v‸lue", True),
    ],
)
def test_a_word_is_taken_back(before: str, now: str, deleting: bool) -> None:
    deletions = Deletions()
    assert not looked_at(deletions, before)
    assert looked_at(deletions, now) is deleting


def test_documents_are_told_apart() -> None:
    deletions = Deletions()
    looked_at(deletions, "value‸")
    assert not looked_at(deletions, "valu‸", "file:///w/b.py")


def test_nothing_is_offered_meanwhile_unless_it_is_asked_for() -> None:
    engine = ScriptedEngine("x")
    completer = Completer(engine, Settings())
    texts = ["name = value", "name = valu", "name = val"]
    reasons = [
        completer.complete(Document("file:///w/a.py", "a.py", "python", text), len(text), limits=limits).reason
        for text, limits in zip(texts, [Limits(), Limits(), Limits(is_explicit=True)], strict=True)
    ]
    assert reasons == [Reason.SHOWN, Reason.DELETING, Reason.SHOWN]

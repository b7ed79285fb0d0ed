"""Open documents are found as their editor shows them."""

from lowabs_lsp.context.open_index import LARGEST, OpenIndex
from lowabs_lsp.context.search import declarations
from lowabs_lsp.values import Document


def document(name: str, text: str) -> Document:
    return Document(f"file:///w/{name}.py", f"{name}.py", "python", text)


def declared(index: OpenIndex, *names: str) -> dict[str, list[str]]:
    places = declarations(index.segments, names, lambda *_: True)
    return {name: [place.path for place in found] for name, found in places.items()}


def test_one_document_is_indexed_at_a_time_the_others_first() -> None:
    index = OpenIndex()
    documents = [document(name, f"def {name}f(): ...\r\n") for name in "abc"]
    seen = []
    for _ in range(4):
        index.follow(documents[0], documents[1:])
        seen.append("".join(name for name in "abc" if index.holds(f"{name}.py")))
    assert seen == ["b", "bc", "abc", "abc"]
    assert declared(index, "af", "bf", "cf") == {"af": ["a.py"], "bf": ["b.py"], "cf": ["c.py"]}


def test_a_changed_document_is_indexed_again_and_the_current_one_when_it_is_taken() -> None:
    index = OpenIndex()
    old = [document("a", "def old_a(): ..."), document("b", "def old_b(): ...")]
    new = [document("a", "def new_a(): ..."), document("b", "def new_b(): ...")]
    for current, other in (old, old, new):
        index.follow(current, [other])
    assert declared(index, "old_a", "new_a", "old_b", "new_b") == {
        "old_a": ["a.py"],
        "new_a": [],
        "old_b": [],
        "new_b": ["b.py"],
    }
    index.take(new[0])
    assert declared(index, "old_a", "new_a") == {"old_a": [], "new_a": ["a.py"]}


def test_a_closed_document_is_forgotten() -> None:
    index = OpenIndex()
    for others in ([document("b", "x")], [document("b", "x")], []):
        index.follow(document("a", "y"), others)
    assert (index.holds("a.py"), index.holds("b.py")) == (True, False)


def test_a_huge_document_is_not_indexed() -> None:
    index = OpenIndex()
    huge = document("a", "x = 1\n" * LARGEST)
    index.follow(huge, [document("b", "x = 1\n" * LARGEST)])
    index.take(huge)
    assert index.segments == ()

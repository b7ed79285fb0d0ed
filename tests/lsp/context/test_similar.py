"""Code like the code at the cursor is found, unless it is there already."""

from lowabs_lsp.context.chunks import Outliner
from lowabs_lsp.context.place import Place
from lowabs_lsp.context.segments import SegmentBuilder
from lowabs_lsp.context.similar import query_of, similar
from lowabs_lsp.context.terms import word_terms
from lowabs_lsp.values import Document

FILLER = {f"filler{number}.py": f"def filler_{number}():\n    a = {number}\n    return a\n" for number in range(20)}


def place(marked: str) -> Place:
    offset = marked.index("‸")
    text = marked.replace("‸", "")
    return Place(Document("file:///w/a.py", "a.py", "python", text), offset, 0, text[offset:])


def found(marked: str, files: dict[str, str]) -> list[str]:
    builder = SegmentBuilder()
    for path, text in {**FILLER, **files}.items():
        builder.add(path, text, Outliner().outline(path, text))
    return [candidate.snippet.path for candidate in similar(place(marked), [builder.build()], lambda *_: True)]


READER = "def read_header(stream):\n    magic = stream.read(4)\n    return parse_magic(magic)\n"
WRITER = "def write_header(stream):\n    stream.write(MAGIC)\n    return parse_magic(MAGIC)\n"


def test_the_most_alike_comes_first() -> None:
    assert found("def read_footer(stream):\n    magic = stream.re‸", {"r.py": READER, "w.py": WRITER}) == ["r.py", "w.py"]


def test_what_is_shown_already_is_not_shown_again() -> None:
    assert found(f"{READER}\ndef read_footer(stream):\n    magic = str‸", {"copy.py": READER, "w.py": WRITER}) == ["w.py"]


def test_of_two_copies_one_is_shown() -> None:
    assert found("magic = stream.read(‸", {"one.py": READER, "two.py": READER + "\n\n"}) == ["one.py"]


def test_a_snippet_is_trimmed_and_ends_its_last_line() -> None:
    builder = SegmentBuilder()
    text = f"\n\n{READER}\n\n"
    builder.add("r.py", text, Outliner().outline("r.py", text))
    candidates = similar(place("magic = stream.read(‸"), [builder.build()], lambda *_: True)
    assert [candidate.snippet.text for candidate in candidates] == [READER]


def test_nothing_resembles_nothing() -> None:
    assert found("‸", {"r.py": READER}) == []


def test_nearer_words_weigh_more() -> None:
    query = query_of(place("far\n\n\n\n\nnear\nhere‸"))
    weights = [query[word_terms(word)[0]] for word in ("here", "near", "far")]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == 1.0

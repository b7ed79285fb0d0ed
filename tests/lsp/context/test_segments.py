"""However files are spread over segments, changed and removed, a search finds the same as over them all at once."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lowabs_lsp.context.chunks import Outliner
from lowabs_lsp.context.file_index import SMALL, FileIndex
from lowabs_lsp.context.search import declarations, search
from lowabs_lsp.context.segments import Segment, SegmentBuilder, merge
from lowabs_lsp.context.terms import word_terms

NAMES = ["alpha", "beta", "gamma", "delta_one", "delta_two"]
texts = st.lists(st.sampled_from([*(f"def {n}(): {m}" for n in NAMES for m in NAMES[:3]), "", "    alpha + beta"]), max_size=40)
paths = st.sampled_from(["a.py", "b.py", "c.yaml", "d.go"])


def segment(files: dict[str, str]) -> Segment:
    builder = SegmentBuilder()
    for path, text in files.items():
        builder.add(path, text, Outliner().outline(path, text))
    return builder.build()


def everything(segments: Any) -> tuple[Any, ...]:
    """All that can be asked of an index."""
    queries = [{term: 1.0 for name in names for term in word_terms(name)} for names in ([n] for n in NAMES)]
    hits = [search(segments, query, 100, lambda *_: True) for query in queries]
    found = declarations(segments, NAMES, lambda *_: True)
    return hits, {name: [(place.path, place.line) for place in places] for name, places in found.items()}


@given(changes=st.lists(st.tuples(paths, texts), max_size=24))
@settings(deadline=None)
def test_an_index_that_was_changed_equals_one_that_was_built(changes: list[tuple[str, list[str]]]) -> None:
    index, files = FileIndex(), dict[str, str]()
    for path, lines in changes:
        if lines:
            files[path] = "\n".join(lines)
            index.put(path, files[path])
        else:
            files.pop(path, None)
            index.remove(path)
        index.publish()
    merged = merge([segment(files)]) if files else segment({})
    living = [merge([*index.segments])] if index.segments else [segment({})]
    assert everything(living) == everything([merged])
    assert len(index.segments) <= SMALL + 1
    assert index.characters == sum(map(len, files.values()))


@given(split=st.integers(0, 3), files=st.dictionaries(paths, texts.map("\n".join), min_size=1))
@settings(deadline=None)
def test_one_segment_or_several_find_the_same(split: int, files: dict[str, str]) -> None:
    parts = [dict(list(files.items())[:split]), dict(list(files.items())[split:])]
    assert everything([segment(part) for part in parts]) == everything([segment(files)])


def test_a_removed_file_is_not_found() -> None:
    index = FileIndex()
    index.put("a.py", "def alpha(): pass")
    index.put("b.py", "def alpha(): pass")
    index.remove("a.py")
    index.publish()
    assert [hit.path for hit in search(index.segments, {word_terms("alpha")[0]: 1.0}, 9, lambda *_: True)] == ["b.py"]
    assert [place.path for place in declarations(index.segments, ["alpha"], lambda *_: True)["alpha"]] == ["b.py"]


def test_a_stored_file_gives_its_lines_back() -> None:
    assert segment({"a.py": "é\n\nx = '\ud800'"}).files[0].lines() == ["é", "", "x = '\ud800'"]

"""The chunks that resemble a query come first."""

import math

from lowabs_lsp.context.chunks import Outliner
from lowabs_lsp.context.search import K1, B, declarations, search
from lowabs_lsp.context.segments import Segment, SegmentBuilder
from lowabs_lsp.context.terms import word_terms, words


def segment(**files: str) -> Segment:
    builder = SegmentBuilder()
    for name, text in files.items():
        builder.add(f"{name}.txt", text, Outliner().outline(f"{name}.txt", text))
    return builder.build()


def query(text: str) -> dict[int, float]:
    return {term: 1.0 for word in words(text) for term in word_terms(word)}


def found(text: str, *segments: Segment, limit: int = 9) -> list[str]:
    return [hit.path.removesuffix(".txt") for hit in search(segments, query(text), limit, lambda *_: True)]


MANY = {f"other{n}": f"word{n} common" for n in range(20)}


def test_scores_are_those_of_bm25() -> None:
    index = segment(a="red red blue", b="red green green green", c="white", d="black")
    hits = search([index], query("red"), 9, lambda *_: True)
    mean, idf = (3 + 4 + 1 + 1) / 4, math.log(1 + (4 - 2 + 0.5) / (2 + 0.5))
    expected = [idf * n * (K1 + 1) / (n + K1 * (1 - B + B * length / mean)) for n, length in ((2, 3), (1, 4))]
    assert [(hit.path, hit.score) for hit in hits] == [("a.txt", round(expected[0], 6)), ("b.txt", round(expected[1], 6))]


def test_rare_words_weigh_more_than_frequent_ones() -> None:
    assert found("rare common", segment(a="common common", b="rare", **MANY))[0] == "b"


def test_the_parts_of_an_identifier_match_and_the_whole_matches_better() -> None:
    index = segment(a="parse header", b="parse_header", c="header_parse", d="none", **MANY)
    assert set(found("parse_header", index)[:3]) == {"a", "b", "c"}
    assert found("parse_header", index)[0] == "b"


def test_ties_go_by_path_in_whatever_segment() -> None:
    assert found("red", segment(b="red", z="x"), segment(a="red", y="x")) == ["a", "b"]


def test_no_more_than_the_limit_and_nothing_unwanted_is_found() -> None:
    index = segment(a="red", b="red", c="red", **MANY)
    assert found("red", index, limit=2) == ["a", "b"]
    assert [hit.path for hit in search([index], query("red"), 2, lambda _, path: path > "a.txt")] == ["b.txt", "c.txt"]


def test_a_hit_holds_the_lines_of_its_chunk() -> None:
    hit = search([segment(a="\n".join(["x y"] * 20 + ["needle here"]))], query("needle"), 1, lambda *_: True)[0]
    assert "needle here" in hit.lines
    assert len(hit.lines) == hit.end - hit.first


def test_an_empty_index_and_an_empty_query_find_nothing() -> None:
    assert found("red") == []
    assert found("red", segment()) == []
    assert found("", segment(a="red")) == []


def test_declarations_are_found_by_their_exact_name() -> None:
    index = segment(a="def parse\ndef parse_all\n", b="\ndef parse\n")
    places = declarations([index], ["parse", "Parse", "all"], lambda *_: True)
    assert {name: [(p.path, p.line) for p in found] for name, found in places.items()} == {
        "parse": [("a.txt", 0), ("b.txt", 1)],
        "Parse": [],
        "all": [],
    }

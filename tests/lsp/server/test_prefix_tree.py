"""The tree finds what looking at every text would find."""

from hypothesis import given
from hypothesis import strategies as st

from lowabs_lsp.server.prefix_tree import PrefixTree

TEXTS = st.text("ab", max_size=8)


@given(texts=st.lists(TEXTS), asked=TEXTS, dropped=st.sets(st.integers(0, 9)))
def test_what_lies_along_a_text_is_found_the_shortest_first(texts: list[str], asked: str, dropped: set[int]) -> None:
    tree: PrefixTree[int] = PrefixTree()
    nodes = [tree.put(text, number) for number, text in enumerate(texts)]
    gone = [number for number in dropped if number < len(texts)]
    for number in gone:
        tree.discard(nodes[number], number)
    expected = [(len(text), n) for n, text in enumerate(texts) if asked.startswith(text) and n not in gone]
    found = list(tree.along(asked))
    assert sorted(found) == sorted(expected)
    assert [length for length, _ in found] == sorted(length for length, _ in found)


@given(texts=st.lists(TEXTS))
def test_an_empty_tree_keeps_nothing_of_what_it_had(texts: list[str]) -> None:
    tree: PrefixTree[int] = PrefixTree()
    for number, node in [(number, tree.put(text, number)) for number, text in enumerate(texts)]:
        tree.discard(node, number)
    assert not tree._root.children
    assert not tree._root.values

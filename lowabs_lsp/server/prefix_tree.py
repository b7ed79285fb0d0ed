"""Values under the texts that lead to them: a radix tree, in which a lookup compares the text once, not once for each value."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from attrs import define, field

from lowabs_lsp.alike import common_start

Value = TypeVar("Value")


@define(eq=False)
class Node(Generic[Value]):
    """What stands at the end of one text."""

    edge: str
    """What the text has beyond that of the parent."""
    parent: "Node[Value] | None"
    children: dict[str, "Node[Value]"] = field(factory=dict)
    """By the first character of their edges."""
    values: list[Value] = field(factory=list)


class PrefixTree(Generic[Value]):
    """Texts that begin alike share what they have in common."""

    def __init__(self) -> None:
        self._root: Node[Value] = Node("", None)

    def put(self, text: str, value: Value) -> Node[Value]:
        """Add `value` under `text`. Returns where it is, to `discard` it there."""
        node, start = self._root, 0
        while start < len(text):
            child = node.children.get(text[start])
            if child is None:
                child = node.children[text[start]] = Node(text[start:], node)
            elif not text.startswith(child.edge, start):
                child = self._split(child, common_start(child.edge, text[start : start + len(child.edge)]))
            node, start = child, start + len(child.edge)
        node.values.append(value)
        return node

    def along(self, text: str) -> Iterator[tuple[int, Value]]:
        """Each value of which the text is a beginning of `text`, and the length of that beginning, the shortest first."""
        node, start = self._root, 0
        while True:
            yield from ((start, value) for value in node.values)
            child = node.children.get(text[start]) if start < len(text) else None
            if child is None or not text.startswith(child.edge, start):
                return
            node, start = child, start + len(child.edge)

    def discard(self, node: Node[Value], value: Value) -> None:
        """Take away what `put` has added, and the text if nothing else needs it."""
        node.values.remove(value)
        while node.parent is not None and not node.values and not node.children:
            del node.parent.children[node.edge[0]]
            node = node.parent

    def _split(self, child: Node[Value], length: int) -> Node[Value]:
        """Put a node in the middle of the edge to `child`."""
        parent, head = child.parent, child.edge[:length]
        assert parent is not None
        middle = parent.children[head[0]] = Node(head, parent)
        child.edge, child.parent = child.edge[length:], middle
        middle.children[child.edge[0]] = child
        return middle

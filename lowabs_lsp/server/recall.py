"""What was completed before: typed through, accepted in part or come back to by backspace, it is there without the model."""

from collections import OrderedDict, deque

from attrs import define, evolve, field

from lowabs_lsp.server.agreement import added_behind, rest_behind
from lowabs_lsp.server.prefix_tree import Node, PrefixTree
from lowabs_lsp.values import Completion, Document, Reason, Stop

REMEMBERED = 64
"""Completions for each suffix of a document."""
SUFFIXES = 8
"""Texts behind the cursor for each document."""
MOST_CHARACTERS = 4_000_000
"""Of all documents that are remembered with their completions, each counted once for each of its suffixes."""
WHOLE = (Stop.END, Stop.TEXT, Stop.LENGTH)
"""A silence in which one of these ended would be the same again."""


@define(eq=False)
class _Entry:
    completion: Completion
    used: int = 0
    """When it was in view last, counted in completions."""
    node: "Node[_Entry] | None" = None


@define(eq=False)
class _Group:
    """Completions in front of one suffix."""

    suffix: str
    size: int
    """Characters of the document."""
    tree: PrefixTree[_Entry] = field(factory=PrefixTree)
    entries: deque[_Entry] = field(factory=deque)
    silences: int = 0
    """Of the entries."""

    def put(self, prefix: str, completion: Completion) -> _Entry:
        entry = _Entry(completion)
        entry.node = self.tree.put(prefix, entry)
        self.entries.append(entry)
        self.silences += not completion.text
        if len(self.entries) > REMEMBERED:
            self.drop(self.entries[0])
        return entry

    def drop(self, entry: _Entry) -> None:
        assert entry.node is not None
        self.entries.remove(entry)
        self.silences -= not entry.completion.text
        self.tree.discard(entry.node, entry)


class Recall:
    """The last completions of one client, silences too, by document and by the text on both sides of the cursor."""

    def __init__(self) -> None:
        self._groups: dict[str, deque[_Group]] = {}
        self._order: OrderedDict[int, tuple[str, _Group]] = OrderedDict()
        self._clock = 0

    def remember(self, document: Document, offset: int, completion: Completion) -> None:
        """`completion` is what there is to say at `offset` of `document`; a silence that may be another one is not kept."""
        if not completion.text and not is_settled(completion):
            return
        prefix, suffix = document.text[:offset], document.text[offset:]
        group = self._group(document.uri, suffix, len(document.text))
        for length, entry in list(group.tree.along(prefix)):
            if length == len(prefix):  # what is said now replaces what was said here
                group.drop(entry)
        self._use(group.put(prefix, completion))

    def recall(self, document: Document, offset: int) -> Completion | None:
        """What is left of a completion that fits at `offset`, the one in view last; else a silence from exactly here."""
        if (found := self._find(document, offset)) is None:
            return None
        entry, rest = found
        if not rest:
            return evolve(entry.completion, generated=None)
        self._use(entry)
        return _rest(entry.completion, rest)

    def knows(self, document: Document, offset: int) -> bool:
        """Whether `recall` would have an answer."""
        return self._find(document, offset) is not None

    def forget(self, uri: str) -> None:
        """`uri` is closed."""
        for group in self._groups.pop(uri, ()):
            del self._order[id(group)]

    def forget_silences(self, *, except_in: str = "") -> None:
        """Something else has changed, by which the model may know what to say now; not within the document `except_in`."""
        for uri, groups in self._groups.items():
            for group in (group for group in groups if group.silences and uri != except_in):
                for entry in [entry for entry in group.entries if not entry.completion.text]:
                    group.drop(entry)

    def clear(self) -> None:
        """Another model or other settings would have said something else."""
        self._groups.clear()
        self._order.clear()

    def _find(self, document: Document, offset: int) -> tuple[_Entry, str] | None:
        """The entry that answers, and what of its text is left: nothing for a silence."""
        prefix, suffix = document.text[:offset], document.text[offset:]
        best: tuple[_Entry, str] | None = None
        silence: tuple[_Entry, str] | None = None
        for group in self._groups.get(document.uri, ()):
            if (added := added_behind(group.suffix, suffix)) is None:
                continue
            for length, entry in group.tree.along(prefix):
                rest = rest_behind(entry.completion.text, prefix[length:], added)
                if rest.strip() and (best is None or entry.used > best[0].used):
                    best = entry, rest
                elif not entry.completion.text and length == len(prefix) and not added:
                    silence = entry, ""
        return best or silence

    def _group(self, uri: str, suffix: str, size: int) -> _Group:
        groups = self._groups.setdefault(uri, deque())
        group = next((group for group in groups if group.suffix == suffix), None)
        if group is None:
            group = _Group(suffix, size)
            groups.append(group)
        self._order[id(group)] = uri, group
        self._order.move_to_end(id(group))
        group.size = size
        if len(groups) > SUFFIXES:
            self._drop(uri, next(each for _, each in self._order.values() if each in groups))
        while len(self._order) > 1 and sum(each.size for _, each in self._order.values()) > MOST_CHARACTERS:
            self._drop(*next(iter(self._order.values())))
        return group

    def _drop(self, uri: str, group: _Group) -> None:
        del self._order[id(group)]
        self._groups[uri].remove(group)

    def _use(self, entry: _Entry) -> None:
        self._clock += 1
        entry.used = self._clock


def is_settled(completion: Completion) -> bool:
    """Whether a silence would be the same if the model were asked again."""
    return completion.generated is not None and completion.generated.stop in WHOLE


def _rest(completion: Completion, rest: str) -> Completion:
    reason = Reason.CACHED if len(rest) == len(completion.text) else Reason.TYPED_THROUGH
    return evolve(completion, text=rest, reason=reason, generated=None)

"""What becomes of suggestions: taken whole or in part, typed by hand, dismissed; and how much of them stays in the text."""

import time
from collections import OrderedDict
from collections.abc import Callable
from difflib import SequenceMatcher

from attrs import define, evolve, field, frozen

from lowabs_lsp.alike import common_start
from lowabs_lsp.server.agreement import Place, agrees, rest_of
from lowabs_lsp.server.documents import take_units
from lowabs_lsp.values import Completion, Document

REMEMBERED = 256
"""Suggestions that a client may still tell of."""
SHORTEST_PART = 4
"""Characters of an insertion that is taken for an accepted part: fewer may be fast typing."""
SETTLED_AFTER = 300.0
"""Seconds after which what is still there of an accepted text counts as kept."""
SHORTEST_MATCH = 4
"""Characters in a row that count as kept where an accepted text was edited."""

Count = Callable[[str, str, int], None]
"""Adds a number to the tally of a language: `shown`, `accepted`, `partly`, `typed`, `dismissed`, `characters`, `retained`."""
Judge = Callable[[Completion, bool], None]
"""Hears whether a completion turned out right."""


@define(eq=False)
class Suggestion:
    """One text in view, until it is taken, typed or gone. `document`, `offset` and `text` are as of its last request."""

    id: str
    document: Document
    offset: int
    text: str
    completion: Completion
    """As it was when it came into view."""
    encoding: str
    is_open: bool = True
    was_taken: bool = False
    taken: int = 0
    """Characters of `text` that were accepted already, as the text or the client has told."""

    def is_continued_by(self, document: Document, offset: int, text: str) -> bool:
        """Whether `text` at `offset` is what is left of it."""
        rest = rest_of(self.text, _place(self.document, self.offset), _place(document, offset)) if self.is_open else ""
        return bool(rest) and (rest.startswith(text) or text.startswith(rest))

    def close(self) -> None:
        """It is taken, typed or gone. What a client may still tell of it needs no text around it."""
        self.is_open, self.document = False, evolve(self.document, text="")

    def between(self, text: str) -> str | None:
        """What stands in `text` where this was suggested; None where something around it has changed."""
        origin = _place(self.document, self.offset)
        end = len(text) - len(origin.suffix)
        fits = end >= self.offset and text.startswith(origin.prefix) and text.endswith(origin.suffix)
        return text[self.offset : end] if fits else None


def _place(document: Document, offset: int) -> Place:
    return Place(document.text[:offset], document.text[offset:])


@frozen
class _Taken:
    """A text that was accepted."""

    language: str
    text: str
    offset: int
    at: float


@define
class Suggestions:
    """Those of one client. Lives on the event loop."""

    count: Count
    judge: Judge = lambda completion, right: None
    clock: Callable[[], float] = time.monotonic
    _by_id: OrderedDict[str, Suggestion] = field(factory=OrderedDict)
    _in_view: dict[str, Suggestion] = field(factory=dict)
    """By the URI of the document."""
    _taken: dict[str, list[_Taken]] = field(factory=dict)

    def show(self, name: str, document: Document, offset: int, completion: Completion, encoding: str = "utf-16") -> None:
        """`completion` is sent to the client, under a name by which it may tell of it."""
        current = self._in_view.get(document.uri)
        if current is not None and current.is_continued_by(document, offset, completion.text):
            current.taken = max(0, current.taken - (offset - current.offset))
            current.document, current.offset, current.text = document, offset, completion.text
        else:
            self._close(document.uri)
            current = Suggestion(name, document, offset, completion.text, completion, encoding)
            self._in_view[document.uri] = current
            self.count(document.language, "shown", 1)
        self._by_id[name] = current
        if len(self._by_id) > REMEMBERED:
            self._by_id.popitem(last=False)

    def change(self, before: Document, after: Document) -> None:
        """A document has changed: see whether a suggestion was taken or typed, or is gone."""
        self._shift(before, after)
        current = self._in_view.get(before.uri)
        if current is None or not current.is_open:
            return
        earlier, now = current.between(before.text), current.between(after.text)
        if earlier is None or now is None or not agrees(current.text, now):
            self._dismiss(current)
            return
        done, reached = common_start(current.text, earlier), common_start(current.text, now)
        gained = current.text[done:reached]
        if reached < len(current.text):
            if is_part(gained, current.text[done:]):
                self._take(current, done, reached)
        elif len(gained) > 1:
            self._take(current, done, reached)
        else:
            self._finish_typing(current)

    def accept(self, name: str, *, units: int | None = None) -> None:
        """The client says that a suggestion was taken, or its first `units`. What the text has shown is not counted again."""
        if (current := self._by_id.get(name)) is not None:
            self._take(current, 0, len(current.text) if units is None else take_units(current.text, units, current.encoding))

    def reject(self, name: str) -> None:
        """The client says that a suggestion was dismissed."""
        current = self._by_id.get(name)
        if current is not None and current.is_open:
            self._dismiss(current)

    def leave(self, document: Document) -> None:
        """The document is closed: what is kept until now counts."""
        self._close(document.uri)
        self._in_view.pop(document.uri, None)
        self._settle(document, older_than=0.0)

    def _take(self, current: Suggestion, start: int, end: int) -> None:
        """What `current` has from `start` to `end` was accepted; what was counted before is not counted again."""
        start = max(start, current.taken)
        if start >= end:
            return
        language, whole = current.document.language, end == len(current.text)
        if not current.was_taken:
            self.count(language, "accepted" if whole else "partly", 1)
            self.judge(current.completion, True)
        current.was_taken, current.taken = True, end
        self.count(language, "characters", end - start)
        taken = _Taken(language, current.text[start:end], current.offset + start, self.clock())
        self._taken.setdefault(current.document.uri, []).append(taken)
        if whole:
            current.close()

    def _finish_typing(self, current: Suggestion) -> None:
        current.close()
        if not current.was_taken:
            self.count(current.document.language, "typed", 1)
            self.judge(current.completion, True)

    def _dismiss(self, current: Suggestion) -> None:
        current.close()
        if not current.was_taken:
            self.count(current.document.language, "dismissed", 1)
            self.judge(current.completion, False)

    def _close(self, uri: str) -> None:
        current = self._in_view.get(uri)
        if current is not None and current.is_open:
            self._dismiss(current)

    def _shift(self, before: Document, after: Document) -> None:
        """Follow accepted texts through a change, and count those that are old enough."""
        taken = self._taken.get(before.uri)
        if not taken:
            return
        start, moved = common_start(before.text, after.text), len(after.text) - len(before.text)
        self._taken[before.uri] = [
            _Taken(each.language, each.text, each.offset + moved * (each.offset > start), each.at) for each in taken
        ]
        self._settle(after, older_than=SETTLED_AFTER)

    def _settle(self, document: Document, *, older_than: float) -> None:
        now, waiting = self.clock(), []
        for taken in self._taken.pop(document.uri, []):
            if now - taken.at >= older_than:
                self.count(taken.language, "retained", kept_of(taken.text, document.text, taken.offset))
            else:
                waiting.append(taken)
        if waiting:
            self._taken[document.uri] = waiting


def is_part(inserted: str, text: str) -> bool:
    """Whether an insertion looks like an accepted beginning of `text`, and not like typing: up to the end of a word or line."""
    if len(inserted) < SHORTEST_PART or not inserted.strip() or not text.startswith(inserted):
        return False
    following = text[len(inserted) : len(inserted) + 1]
    return not (inserted[-1].isalnum() and following.isalnum())


def kept_of(accepted: str, text: str, offset: int) -> int:
    """How many characters of `accepted` are in `text`, at about `offset`."""
    margin = 2 * len(accepted) + 200
    around = text[max(0, offset - margin) : offset + len(accepted) + margin]
    if accepted in around:
        return len(accepted)
    blocks = SequenceMatcher(None, accepted, around, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks if block.size >= SHORTEST_MATCH)

"""What was shown: typed through, accepted in part or come back to by backspace, it is there without the model."""

from collections import deque

from attrs import define, field, frozen

from lowabs_lsp.values import Completion, Document, Reason

REMEMBERED = 8
"""Completions for each document."""


@frozen
class _Shown:
    prefix: str
    suffix: str
    text: str

    def rest(self, prefix: str, suffix: str) -> str:
        """What of the text is still to come when the cursor stands between `prefix` and `suffix`."""
        if suffix != self.suffix or not prefix.startswith(self.prefix):
            return ""
        typed = prefix[len(self.prefix) :]
        return self.text[len(typed) :] if self.text.startswith(typed) else ""


@define
class ShownCompletions:
    """The last completions of each document of one client."""

    _shown: dict[str, deque[_Shown]] = field(factory=dict)

    def remember(self, document: Document, offset: int, text: str) -> None:
        """`text` is shown at `offset` of `document`."""
        shown = _Shown(document.text[:offset], document.text[offset:], text)
        self._shown.setdefault(document.uri, deque(maxlen=REMEMBERED)).appendleft(shown)

    def recall(self, document: Document, offset: int) -> Completion:
        """The rest of a completion that fits at `offset`, the newest first; empty where none does."""
        prefix, suffix = document.text[:offset], document.text[offset:]
        for shown in self._shown.get(document.uri, ()):
            if (rest := shown.rest(prefix, suffix)).strip():
                return Completion(rest, Reason.CACHED if len(rest) == len(shown.text) else Reason.TYPED_THROUGH)
        return Completion("", Reason.EMPTY)

    def forget(self, uri: str) -> None:
        """`uri` is closed."""
        self._shown.pop(uri, None)

    def clear(self) -> None:
        """Another model or other settings would have said something else."""
        self._shown.clear()

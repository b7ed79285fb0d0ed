"""Whether the person is taking a word back: nothing is offered in the middle of that."""

from collections import OrderedDict

from lowabs_lsp.values import Document

REMEMBERED = 8


class Deletions:
    """What each document was when it was last looked at. One thread at a time."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def goes_on(self, document: Document, offset: int) -> bool:
        """Whether since the last look only characters in front of the cursor went, and it stands behind part of a word now."""
        prefix, suffix = document.text[:offset], document.text[offset:]
        old_prefix, old_suffix = self._last.pop(document.uri, ("", ""))
        self._last[document.uri] = prefix, suffix
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        taken = len(old_prefix) - len(prefix)
        is_word = prefix[-1:].isalnum() or prefix[-1:] == "_"
        return taken > 0 and is_word and old_suffix == suffix and old_prefix.startswith(prefix)

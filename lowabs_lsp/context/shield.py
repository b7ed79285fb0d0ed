"""What stands between the user's files and the model: private files are withheld, secrets in other files are masked."""

import re

from attrs import evolve, frozen

from lowabs_lsp.context.changes import changed
from lowabs_lsp.context.exclusion import Exclusion, is_unreadable
from lowabs_lsp.context.secrets import MASK, mask_armour, mask_lines, mask_secrets
from lowabs_lsp.values import Document

REMEMBERED = 64
"""Documents whose last masked version is kept, so that a key costs the masking of one line."""


@frozen
class _Version:
    raw: str
    lines: str
    """Masked line by line."""
    masked: str
    """Masked altogether."""
    withheld: bool


class Shield:
    """Owned by the one thread that builds contexts. Everything that reads documents reads them through `shown`."""

    def __init__(self, exclude: tuple[str, ...] = ()) -> None:
        self._excludes = Exclusion(exclude)
        self._last: dict[str, _Version] = {}

    def withholds(self, document: Document) -> bool:
        """Whether nothing of `document` is to be shown: it is private, binary or minified."""
        return self._version(document).withheld

    def shown(self, document: Document) -> Document:
        """`document` with its secrets masked: as long as before, so that offsets hold. Shown twice, it stays the same.

        Of what is withheld, every character is masked.
        """
        masked = self._version(document).masked
        return document if document.text == masked else evolve(document, text=masked)

    def makes_secret(self, document: Document, offset: int, text: str) -> bool:
        """Whether any of `text` would be a secret if it stood at `offset` of `document`."""
        start, end = document.text.rfind("\n", 0, offset) + 1, document.text.find("\n", offset)
        line = document.text[start:offset], document.text[offset : end if end >= 0 else None]
        whole, inserted = text.join(line), slice(offset - start, offset - start + len(text))
        return mask_secrets(whole, document.path)[inserted] != text

    def _version(self, document: Document) -> _Version:
        last = self._last.pop(document.uri, None)
        if last is None or (document.text is not last.raw and document.text is not last.masked):
            last = self._next(last, document)
        self._last[document.uri] = last
        if len(self._last) > REMEMBERED:
            del self._last[next(iter(self._last))]
        return last

    def _next(self, last: _Version | None, document: Document) -> _Version:
        text = document.text
        if self._excludes(document.path) or is_unreadable(text):
            nothing = re.sub(r"[^\r\n]", MASK, text)
            return _Version(text, nothing, nothing, withheld=True)
        lines = mask_lines(text, document.path) if last is None or last.withheld else _mask_again(last, document)
        return _Version(text, lines, mask_armour(text, lines), withheld=False)


def _mask_again(last: _Version, document: Document) -> str:
    """Mask only the lines that changed."""
    change = changed(last.raw, document.text)
    start = last.raw.rfind("\n", 0, change.start) + 1
    end = last.raw.find("\n", change.old_end)
    end = len(last.raw) if end < 0 else end
    middle = document.text[start : end + len(document.text) - len(last.raw)]
    return last.lines[:start] + mask_lines(middle, document.path) + last.lines[end:]

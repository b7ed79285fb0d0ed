"""What stands between the user's files and the model: private files are withheld, secrets in other files are masked."""

from attrs import evolve, frozen

from lowabs_lsp.context.changes import changed
from lowabs_lsp.context.exclusion import Exclusion, is_unreadable
from lowabs_lsp.context.secrets import mask_secrets
from lowabs_lsp.values import Document

REMEMBERED = 64
"""Documents whose last masked version is kept, so that a key costs the masking of one line."""


@frozen
class _Version:
    raw: str
    masked: str


class Shield:
    """Owned by the one thread that builds contexts. Everything that reads documents reads them through `shown`."""

    def __init__(self, exclude: tuple[str, ...] = ()) -> None:
        self.excludes = Exclusion(exclude)
        self._last: dict[str, _Version] = {}

    def withholds(self, document: Document) -> bool:
        """Whether nothing of `document` is to be shown: it is private, binary or minified."""
        return self.excludes(document.path) or is_unreadable(document.text)

    def shown(self, document: Document) -> Document:
        """`document` with its secrets masked: as long as before, so that offsets hold. Shown twice, it stays the same."""
        last = self._last.pop(document.uri, None)
        if last is None:
            last = _Version(document.text, mask_secrets(document.text, document.path))
        elif document.text is not last.raw and document.text is not last.masked:
            last = _Version(document.text, _mask_again(last, document))
        self._last[document.uri] = last
        if len(self._last) > REMEMBERED:
            del self._last[next(iter(self._last))]
        return document if document.text == last.masked else evolve(document, text=last.masked)


def _mask_again(last: _Version, document: Document) -> str:
    """Mask only the lines that changed; keys in armour reach over lines, so a text that holds one is masked as a whole."""
    text = document.text
    if "-----BEGIN" in last.raw or "-----BEGIN" in text:
        return mask_secrets(text, document.path)
    change = changed(last.raw, text)
    start = last.raw.rfind("\n", 0, change.start) + 1
    end = last.raw.find("\n", change.old_end)
    end = len(last.raw) if end < 0 else end
    middle = text[start : end + len(text) - len(last.raw)]
    return last.masked[:start] + mask_secrets(middle, document.path) + last.masked[end:]

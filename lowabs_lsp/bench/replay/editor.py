"""The text that is being edited, its cursor, and for each character how it came to be there."""

from enum import IntEnum

from attrs import define, field

from lowabs_lsp.values import Document


class Origin(IntEnum):
    """How a character came into the text."""

    OLD = 0
    TYPED = 1
    PASTED = 2
    ACCEPTED = 3


@define
class Buffer:
    """One open file. Owned by the simulated person."""

    uri: str
    path: str
    language: str
    text: str
    cursor: int = 0
    version: int = 1
    _origins: bytearray = field(factory=bytearray)

    def __attrs_post_init__(self) -> None:
        """All that is there at first is old."""
        self._origins = bytearray(len(self.text))

    @property
    def before(self) -> str:
        """The text in front of the cursor."""
        return self.text[: self.cursor]

    @property
    def behind(self) -> str:
        """The text behind the cursor."""
        return self.text[self.cursor :]

    def replace(self, start: int, end: int, text: str, origin: Origin) -> None:
        """Put `text` in place of what is between two offsets; the cursor goes behind it."""
        self.text = self.text[:start] + text + self.text[end:]
        self._origins[start:end] = bytes([origin]) * len(text)
        self.cursor = start + len(text)
        self.version += 1

    def count(self, origin: Origin) -> int:
        """How many characters came in this way and are still there."""
        return self._origins.count(origin)

    def snapshot(self) -> Document:
        """The document as a language server sees it."""
        return Document(self.uri, self.path, self.language, self.text, self.version)

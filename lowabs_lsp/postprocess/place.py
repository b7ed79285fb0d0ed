"""What post-processing knows of the cursor's place beyond what the model was shown."""

from collections.abc import Callable

from attrs import frozen

from lowabs_lsp.syntax.check import Check
from lowabs_lsp.values import Document


def knows_nothing(name: str) -> bool:
    """No file of the workspace has the name."""
    return False


@frozen
class Place:
    """A document and a cursor in it."""

    document: Document
    offset: int
    check: Check | None = None
    """None where the language has no grammar here."""
    knows: Callable[[str], bool] = knows_nothing
    """Whether some file of the workspace has a name."""

    @property
    def before(self) -> str:
        """The cursor's line up to the cursor."""
        return self.document.text[: self.offset].rpartition("\n")[2]

    @property
    def behind(self) -> str:
        """The rest of that line."""
        return self.document.text[self.offset :].partition("\n")[0].rstrip("\r")

"""The files that are open in the simulated editor, and who is told what happens to them."""

from pathlib import Path

from attrs import define, field

from lowabs_lsp.bench.replay.assistant import Assistant
from lowabs_lsp.bench.replay.editor import Buffer, Origin
from lowabs_lsp.bench.replay.keys import Key
from lowabs_lsp.bench.replay.policy import Event, Happening, Request
from lowabs_lsp.values import Document


@define
class Desk:
    """Open buffers, the most recently used last."""

    root: Path
    assistant: Assistant
    _open: dict[str, Buffer] = field(factory=dict)

    def open(self, path: str, language: str, text: str) -> Buffer:
        """Open a file, which lies at `path` below the root or is new."""
        buffer = Buffer((self.root / path).as_uri(), path, language, text)
        self._open[path] = buffer
        self._tell(Happening.OPENED, buffer)
        return buffer

    def focus(self, buffer: Buffer) -> None:
        """Bring a file to the front."""
        self._tell(Happening.FOCUSED, buffer)

    def jump(self, buffer: Buffer, offset: int, pause: int) -> None:
        """Put the cursor elsewhere, to do nothing for `pause` milliseconds."""
        buffer.cursor = offset
        self._tell(Happening.JUMPED, buffer, pause)

    def replace(self, buffer: Buffer, start: int, end: int, text: str, origin: Origin) -> None:
        """Change a file."""
        buffer.replace(start, end, text, origin)
        self._use(buffer)
        self._tell(Happening.CHANGED, buffer)

    def save(self, buffer: Buffer) -> None:
        """Write a file to disk."""
        path = self.root / buffer.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.text.encode())
        self._tell(Happening.SAVED, buffer)

    def ask(self, buffer: Buffer, key: Key) -> Request:
        """Ask for a completion at the cursor."""
        self._use(buffer)
        request = Request(buffer.snapshot(), buffer.cursor, self._others(buffer), key, self.assistant.clock.now)
        self.assistant.ask(request)
        return request

    def _others(self, buffer: Buffer) -> list[Document]:
        return [other.snapshot() for path, other in reversed(self._open.items()) if path != buffer.path]

    def _use(self, buffer: Buffer) -> None:
        self._open[buffer.path] = self._open.pop(buffer.path)

    def _tell(self, happening: Happening, buffer: Buffer, pause: int = 0) -> None:
        now = self.assistant.clock.now
        self.assistant.backend.observe(Event(happening, buffer.snapshot(), buffer.cursor, now, pause))

"""Messages in a byte stream: `Content-Length` headers, however a client spells them."""

import re

LARGEST = 256 * 1024 * 1024
"""Bytes of a message at most. A header that announces more is taken for garbage."""

_LENGTH = re.compile(rb"content-length\s*:\s*(\d{1,12})\s*\Z", re.IGNORECASE)
_LONGEST_LINE = 64 * 1024


def frame(body: bytes) -> bytes:
    """`body` with its header."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameReader:
    """Takes chunks of a stream as they come and gives the message bodies that they complete.

    Garbage between messages is skipped: a header counts wherever a line ends with it.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length: int | None = None
        self._in_body = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The bodies that end in `chunk`."""
        self._buffer += chunk
        bodies = []
        while self._in_body or self._read_header():
            assert self._length is not None
            if len(self._buffer) < self._length:
                break
            bodies.append(self._take(self._length))
            self._length, self._in_body = None, False
        return bodies

    def _read_header(self) -> bool:
        """Read lines; true once the blank one behind a length has come."""
        while (end := self._buffer.find(b"\n")) >= 0:
            line = self._take(end + 1)
            if self._length is not None and not line.strip():
                self._in_body = True
                return True
            if (match := _LENGTH.search(line)) and int(match[1]) <= LARGEST:
                self._length = int(match[1])
        if len(self._buffer) > _LONGEST_LINE:
            self._take(len(self._buffer) - _LONGEST_LINE)
        return False

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

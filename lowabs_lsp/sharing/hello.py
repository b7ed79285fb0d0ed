"""The first line that the two ends of the socket say to each other, and who they are to the system."""

import json
import os
import socket
import struct
from typing import Any

from lowabs_lsp.errors import LowabsError

LONGEST = 1 << 16
"""Bytes of the line at most."""


def write_hello(**values: object) -> bytes:
    """One line of JSON."""
    return json.dumps(values).encode() + b"\n"


def read_hello(line: bytes, version: str) -> dict[str, Any]:
    """What the other end says of itself. Raises LowabsError unless it is of our version."""
    try:
        hello = json.loads(line)
    except ValueError as error:
        raise LowabsError("what answers at the socket is no lowabs-lsp") from error
    if not isinstance(hello, dict) or hello.get("version") != version:
        raise LowabsError("what answers at the socket is another lowabs-lsp")
    return hello


def is_same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end is this user's. Where the system does not tell, the folder has to do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return bool(user == os.getuid())

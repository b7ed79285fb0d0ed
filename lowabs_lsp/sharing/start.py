"""The way to the engine process, which is started by whoever first needs it."""

import contextlib
import fcntl
import os
import select
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lowabs_lsp.errors import LowabsError
from lowabs_lsp.sharing.hello import LONGEST, is_same_user, read_hello, write_hello
from lowabs_lsp.sharing.place import own_version

PATIENCE = 20.0
"""Seconds until an engine process must listen, and a listening one must answer."""

Raw = dict[str, Any]

_SHELL, _BESIDE = "/bin/sh", '"$0" "$@" &'
"""Starts a command whose end is not ours to wait for."""


def connect_or_start(path: Path, host: Sequence[str], settings: Raw) -> socket.socket:
    """A connection to the engine process at `path`; `host` is the command that starts one. Raises LowabsError."""
    try:
        return connect(path, settings)
    except (OSError, LowabsError):
        pass
    try:
        with _alone(path):
            return _start_and_connect(path, host, settings)
    except OSError as error:
        raise LowabsError(f"{path}: no engine process can be had ({error.strerror or error})") from error


def _start_and_connect(path: Path, host: Sequence[str], settings: Raw) -> socket.socket:
    try:
        return connect(path, settings)  # somebody else was faster
    except (OSError, LowabsError):
        start(path, host)
    return connect(path, settings)


def connect(path: Path, settings: Raw) -> socket.socket:
    """A connection on which both ends have said hello. Raises OSError, and LowabsError for a wrong other end."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(PATIENCE)
        connection.connect(os.fspath(path))
        if not is_same_user(connection):
            raise LowabsError(f"{path}: belongs to another user; remove it")
        connection.sendall(write_hello(version=own_version(), settings=settings))
        read_hello(_line(connection), own_version())
        connection.settimeout(None)
    except BaseException:
        connection.close()
        raise
    return connection


def start(path: Path, host: Sequence[str]) -> None:
    """Start an engine process and wait until it listens. Raises LowabsError with its last words."""
    ready, is_ready = os.pipe()
    log = path.with_suffix(".log")
    os.set_inheritable(is_ready, True)
    command = [*host, "--socket", os.fspath(path), "--ready", str(is_ready)]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.fspath(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        os.waitpid(os.posix_spawn(_SHELL, [_SHELL, "-c", _BESIDE, *command], os.environ, file_actions=actions, setsid=True), 0)
        os.close(is_ready)
        is_ready = -1
        listening = bool(select.select([ready], [], [], PATIENCE)[0]) and os.read(ready, 1) == b"1"
    finally:
        for descriptor in (ready, is_ready):
            with contextlib.suppress(OSError):
                os.close(descriptor)
    if not listening:
        raise LowabsError(f"the engine process could not be started; see {log}")


def own_command() -> list[str]:
    """What starts an engine process of this installation."""
    return [sys.executable, "-m", "lowabs_lsp", "serve"]


def _line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < LONGEST:
        if not (byte := connection.recv(1)):
            break
        line += byte
    return line


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Of all editors that find no engine process, one at a time starts it."""
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

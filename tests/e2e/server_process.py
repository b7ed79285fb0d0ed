"""Starts real server processes with a scripted engine."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from raw_client import RawClient, inline

SCRIPTED_SERVER = Path(__file__).parent / "scripted_server.py"
SHARED_SERVER = Path(__file__).parent / "shared_server.py"

Start = Callable[..., RawClient]


def command(**options: object) -> list[str]:
    """What starts a server that is scripted by `options`; warnings are errors in it too."""
    return [sys.executable, "-X", "dev", "-W", "error", str(SCRIPTED_SERVER), json.dumps(options)]


def shared(**options: object) -> list[str]:
    """The same for an editor that shares the engine process in `options["folder"]`."""
    return [sys.executable, "-X", "dev", "-W", "error", str(SHARED_SERVER), json.dumps(options)]


@contextmanager
def starting(command: Callable[..., list[str]] = command) -> Iterator[Start]:
    """What starts servers, `start(says="text")`, and ends them at the end."""
    clients: list[RawClient] = []

    def start(**options: object) -> RawClient:
        clients.append(RawClient(command(**options)))
        return clients[-1]

    try:
        yield start
    finally:
        for client in clients:
            client.dispose()


def ready(client: RawClient) -> RawClient:
    """Past the handshake, with its engine there."""
    client.initialize()
    client.wait(lambda: "event=loaded" in client.stderr, "model")
    client.ask("test/idle")  # what follows the log line is done too
    return client


def keep_busy(client: RawClient, uri: str) -> int:
    """Make the engine work on a request until it is cancelled. Returns the request's id."""
    client.ask("test/gate", {"open": False})
    client.open(uri, "x = ")
    request_id = client.request("textDocument/inlineCompletion", inline(uri, 0, 4))
    client.ask("test/started")
    return request_id

"""Real server processes, and the clients that speak to them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests share the modules beside them

from raw_client import RawClient
from server_process import Start, ready, starting


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers that end with the test."""
    with starting() as start:
        yield start


@pytest.fixture
def client(start: Start) -> RawClient:
    """A client of a server of its own that says `text`."""
    return ready(start(says="text"))


@pytest.fixture(scope="module")
def lasting() -> Iterator[RawClient]:
    """A client of one server for all tests of a module, which must be well at their end."""
    with starting() as start:
        client = ready(start(says="text"))
        yield client
        assert client.leave() == 0
        assert client.notifications("window/showMessage") == []
        assert "Traceback" not in client.stderr

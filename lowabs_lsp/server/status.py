"""What state the server is in, for people who look at a status bar; told to clients that want it when it changes."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from attrs import asdict, frozen

STATUS = "lowabs/status"
STATUS_CHANGED = "lowabs/statusChanged"


class State(StrEnum):
    """What the next request will meet."""

    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    PAUSED = "paused"
    OFF = "off"
    ERROR = "error"


@frozen
class Ended:
    """How one request ended."""

    id: str
    reason: str
    language: str
    ms: float
    tokens: int
    """Generated ones."""


@frozen
class Status:
    """The parameters of the notification and the answer to the request."""

    state: State
    message: str
    """One line for a person."""
    reason: str | None = None
    """What is wrong and what to do, in the state `error`."""
    model: str | None = None
    last: Ended | None = None

    def as_json(self) -> dict[str, Any]:
        """As `docs/protocol.md` has it."""
        return asdict(self)

    def looks_like(self, other: "Status | None") -> bool:
        """Whether a person would see no difference."""
        return other is not None and self._seen() == other._seen()

    def _seen(self) -> tuple[object, ...]:
        return self.state, self.message, self.reason, self.last and self.last.reason


class StatusBoard:
    """Tells one client of changes, once it has shown interest."""

    def __init__(self, read: Callable[[], Status], send: Callable[[dict[str, Any]], None]) -> None:
        self._read, self._send = read, send
        self._told: Status | None = None
        self.is_wanted = False

    def ask(self) -> dict[str, Any]:
        """The status; who asks is told of changes from now on."""
        self.is_wanted = True
        self._told = self._read()
        return self._told.as_json()

    def refresh(self) -> None:
        """Something may have changed."""
        if not self.is_wanted:
            return
        status = self._read()
        if not status.looks_like(self._told):
            self._told = status
            self._send(status.as_json())

"""What a client has said that still counts: enough to bring a new engine process to where the old one was."""

from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]
"""JSON-RPC, parsed."""

MOST_SETTINGS = 50
"""Pushes of settings that are kept."""


class Journal:
    """Owned by the relay, which calls it under its lock."""

    def __init__(self) -> None:
        self.was_shut_down = False
        self._handshake: dict[str, Message] = {}
        self._settings: list[Message] = []
        self._folders: list[Message] = []
        self._documents: dict[str, list[Message]] = {}
        self._standing: dict[str, Message] = {}
        """Requests whose effect lasts: a pause, and the wish to hear of the status."""
        self._pending: dict[int | str, Message] = {}
        self._repeated: set[int | str] = set()

    def take(self, message: Message) -> None:
        """Remember what the client says, if it will matter."""
        method = message.get("method")
        if method in ("initialize", "initialized"):
            self._handshake.setdefault(method, message)
        elif method == "shutdown":
            self.was_shut_down = True
        elif method == "workspace/didChangeConfiguration":
            self._settings = [*self._settings, message][-MOST_SETTINGS:]
        elif method == "workspace/didChangeWorkspaceFolders":
            self._folders.append(message)
        elif method in ("lowabs/status", "workspace/executeCommand"):
            self._stand(message)
        elif isinstance(method, str) and method.startswith("textDocument/did"):
            self._follow(method, message)
        if isinstance(method, str) and isinstance(message.get("id"), int | str):
            self._pending[message["id"]] = message

    def answered(self, request: object) -> bool:
        """There is an answer to the request with this id. True if the client waits for it."""
        if not isinstance(request, int | str):
            return False  # what is no request has no answer that anybody waits for
        self._repeated.discard(request)
        return self._pending.pop(request, None) is not None

    def give_up(self) -> list[Message]:
        """The requests that nobody answers any more; they are no longer waited for, but for the first one of all."""
        given_up = [message for message in self._pending.values() if message["method"] != "initialize"]
        self._pending = {key: message for key, message in self._pending.items() if message["method"] == "initialize"}
        return given_up

    def take_suspects(self) -> list[Message]:
        """The requests during which a second engine process has ended; they are no longer waited for."""
        suspects = [message for message in self._pending.values() if message["id"] in self._repeated]
        suspects = [message for message in suspects if message["method"] != "initialize"]
        for message in suspects:
            self.answered(message["id"])
        return suspects

    def replay(self) -> Iterator[Message]:
        """All that a new engine process must hear, in order."""
        yield from self._handshake.values()
        yield from self._folders
        yield from self._settings
        for messages in self._documents.values():
            yield from messages
        yield from self._standing.values()
        for key, message in self._pending.items():
            if message["method"] != "initialize":
                self._repeated.add(key)
                yield message

    def _stand(self, message: Message) -> None:
        params = message.get("params")
        command = params.get("command") if isinstance(params, dict) else None
        if command == "lowabs.resume":
            self._standing.pop("pause", None)
        elif command == "lowabs.pause":
            self._standing["pause"] = message
        elif command == "lowabs.status" or message["method"] == "lowabs/status":
            self._standing["status"] = message

    def _follow(self, method: str, message: Message) -> None:
        """Keep the text of each open document as what made it: the opening and the changes since."""
        try:
            uri = message["params"]["textDocument"]["uri"]
            changes = message["params"].get("contentChanges", ())
            whole = bool(changes) and "range" not in changes[-1]
        except (LookupError, TypeError, AttributeError):
            return  # what the engine process cannot understand either
        if not isinstance(uri, str):
            return
        if method == "textDocument/didOpen":
            self._documents[uri] = [message]
        elif method == "textDocument/didClose":
            self._documents.pop(uri, None)
        elif method == "textDocument/didChange" and uri in self._documents:
            history = self._documents.pop(uri)  # the most recently used one comes last
            self._documents[uri] = [history[0], message] if whole else [*history, message]

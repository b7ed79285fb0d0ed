"""Our policy as editors meet it: a real server process, spoken to over LSP."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from lowabs_lsp.bench.replay.assistant import Answer, Usage
from lowabs_lsp.bench.replay.policy import Event, Happening, Request, Timing
from lowabs_lsp.bench.replay.rpc import Connection, Json
from lowabs_lsp.context.changes import changed
from lowabs_lsp.errors import BenchError
from lowabs_lsp.values import Document

LOADING_TIMEOUT = 300.0
"""Seconds that a server may take to load its model."""
ANSWER_TIMEOUT = 120.0
CLOSING_TIMEOUT = 20.0
AUTOMATIC = 2
"""`InlineCompletionTriggerKind` of a request that a key brings about."""
ERROR = 1
"""`MessageType` of a message box that says what went wrong."""
_REQUEST_LINE = re.compile(r"method=inlineCompletion .*\bprompt=(?P<prompt>\d+) .*\bruns=(?P<runs>\d+)")
_FOLLOWED_LINE = re.compile(r"event=reindexed .*\bchanges=(?P<changes>\d+)")
_CAPABILITIES: Json = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True},
    "workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}, "workspaceFolders": True},
    "textDocument": {
        "synchronization": {"didSave": True},
        "inlineCompletion": {"dynamicRegistration": False},
    },
}


@frozen
class _Asked:
    """A request on its way."""

    backend: "ServedBackend"
    request: Request
    number: int

    def result(self, timeout: float | None) -> Answer | None:
        """The answer, or None if it takes longer than `timeout` seconds. Raises BenchError when the server fails."""
        response = self.backend.connection.response(self.number, ANSWER_TIMEOUT if timeout is None else timeout)
        if response is None and timeout is None:
            raise BenchError(f"the language server did not answer a request in {ANSWER_TIMEOUT:g} s")
        return None if response is None else answer_of(response, self.request)

    def cancel(self) -> None:
        """Tell the server that nobody waits."""
        self.backend.connection.cancel(self.number)


class ServedBackend:
    """One server process for one sitting. `settings` is what its editor sends as initialization options."""

    def __init__(self, command: Sequence[str], root: Path, settings: Mapping[str, object]) -> None:
        self._root = root
        self._texts: dict[str, str] = {}
        self._progress: dict[object, bool] = {}
        self._faults: list[str] = []
        self._watches_files = self._indexes = False
        self._unread = 0
        """How many files the server was told of as changed, less those that it says it has read again."""
        self._calls = self._runs = 0
        handlers: dict[str, Callable[[Json], Json]] = {
            "$/progress": self._hear_progress,
            "window/workDoneProgress/create": self._hear_of_progress,
            "window/showMessage": self._hear_message,
            "client/registerCapability": self._hear_registration,
        }
        # Not in the workspace itself: Python would import the workspace's modules in place of the server's.
        self.connection = Connection(list(command), root.parent, handlers=handlers, on_log=self._read_log)
        try:
            self._start(settings)
        except BaseException:
            self.connection.close(CLOSING_TIMEOUT)
            raise
        self._cpu_at_start = cpu_seconds(self.connection.process_id)

    def observe(self, event: Event) -> None:
        """Tell the server what an editor tells it."""
        document = event.document
        if event.happening is Happening.OPENED:
            self._texts[document.uri] = document.text
            item = {"uri": document.uri, "languageId": document.language, "version": document.version, "text": document.text}
            self.connection.notify("textDocument/didOpen", {"textDocument": item})
        elif event.happening is Happening.CHANGED:
            self._change(document)
        elif event.happening is Happening.SAVED:
            self._save(document)

    def timing(self, request: Request) -> Timing:
        """Debouncing is the server's own business."""
        return Timing()

    def ask(self, request: Request) -> _Asked:
        """Ask for inline completions at the cursor."""
        params = {
            "textDocument": {"uri": request.document.uri},
            "position": position_of(request.document.text, request.offset),
            "context": {"triggerKind": AUTOMATIC},
        }
        return _Asked(self, request, self.connection.request("textDocument/inlineCompletion", params))

    def accept(self, request: Request, answer: Answer, text: str) -> None:
        """Run the item's command, as an editor does behind a whole item."""
        command = answer.token
        if isinstance(command, dict) and text == answer.text:
            params = {"command": command["command"], "arguments": command.get("arguments", [])}
            self.connection.call("workspace/executeCommand", params, ANSWER_TIMEOUT)

    def close(self) -> Usage:
        """End the server, and say what it spent since its model was loaded. Raises BenchError if it did not end well."""
        seconds = cpu_seconds(self.connection.process_id) - self._cpu_at_start
        code = self.connection.close(CLOSING_TIMEOUT)
        if code:
            raise BenchError(f"the language server left with code {code}; its log ends with:\n{self.connection.log_end()}")
        return Usage(self._calls, self._runs, seconds)

    def _start(self, settings: Mapping[str, object]) -> None:
        folder = {"uri": self._root.as_uri(), "name": self._root.name}
        params = {
            "processId": os.getpid(),
            "clientInfo": {"name": "lowabs-replay"},
            "rootUri": folder["uri"],
            "workspaceFolders": [folder],
            "capabilities": _CAPABILITIES,
            "initializationOptions": settings,
        }
        self.connection.call("initialize", params, LOADING_TIMEOUT)
        self.connection.notify("initialized", {})
        ready = self.connection.wait_for(lambda: bool(self._faults) or self._is_loaded(), LOADING_TIMEOUT)
        if self._faults or not ready:
            fault = "; ".join(self._faults) or f"it did not load its model in {LOADING_TIMEOUT:g} s"
            raise BenchError(f"the language server cannot complete: {fault}\n{self.connection.log_end()}")

    def _is_loaded(self) -> bool:
        """Whether all that the server does in the background has come to an end, the loading of the model first."""
        return bool(self._progress) and all(self._progress.values())

    def _hear_of_progress(self, params: Json) -> None:
        self._progress[params["token"]] = False

    def _hear_progress(self, params: Json) -> None:
        self._progress[params["token"]] = params["value"].get("kind") == "end"

    def _hear_message(self, params: Json) -> None:
        if params.get("type") == ERROR:
            self._faults.append(params.get("message", ""))

    def _hear_registration(self, params: Json) -> None:
        methods = {registration["method"] for registration in params["registrations"]}
        self._watches_files |= "workspace/didChangeWatchedFiles" in methods

    def _read_log(self, line: str) -> None:
        self._indexes |= "event=indexed" in line
        if match := _FOLLOWED_LINE.search(line):
            self._unread -= int(match["changes"])
        if match := _REQUEST_LINE.search(line):
            self._calls += int(match["prompt"]) > 0
            self._runs += int(match["runs"])

    def _save(self, document: Document) -> None:
        """Wait, too, until the server has read the file: on the virtual clock it has all the time that it needs."""
        self._unread += 1 + self._watches_files
        self.connection.notify("textDocument/didSave", {"textDocument": {"uri": document.uri}})
        if self._watches_files:
            changes = [{"uri": document.uri, "type": 2}]
            self.connection.notify("workspace/didChangeWatchedFiles", {"changes": changes})
        if self._indexes:
            self.connection.wait_for(lambda: self._unread <= 0, ANSWER_TIMEOUT)

    def _change(self, document: Document) -> None:
        old = self._texts[document.uri]
        change = changed(old, document.text)
        span = {"start": position_of(old, change.start), "end": position_of(old, change.old_end)}
        content = [{"range": span, "text": document.text[change.start : change.new_end]}]
        identifier = {"uri": document.uri, "version": document.version}
        self.connection.notify("textDocument/didChange", {"textDocument": identifier, "contentChanges": content})
        self._texts[document.uri] = document.text


def answer_of(response: Json, request: Request) -> Answer:
    """The first item of a response as the text that it puts at the cursor; silence where it has none, or failed."""
    result = response.get("result")
    items = result.get("items", []) if isinstance(result, dict) else result or []
    return Answer(inserted_by(items[0], request), items[0].get("command")) if items else Answer("")


def inserted_by(item: Mapping[str, Any], request: Request) -> str:
    """What an item puts behind the cursor; nothing if it changes something else, too."""
    text, cursor = request.document.text, request.offset
    insert = item["insertText"]
    insert = insert["value"] if isinstance(insert, dict) else insert
    start, end = cursor, cursor
    if span := item.get("range"):
        start, end = offset_of(text, span["start"]), offset_of(text, span["end"])
    before, behind = text[start:cursor], text[cursor:end]
    fits = start <= cursor <= end and insert.startswith(before) and insert.endswith(behind)
    return insert[len(before) : len(insert) - len(behind)] if fits and len(insert) >= len(before + behind) else ""


def position_of(text: str, offset: int) -> dict[str, int]:
    """An offset in code points as line and UTF-16 units."""
    start = text.rfind("\n", 0, offset) + 1
    line = text[start:offset]
    return {"line": text.count("\n", 0, offset), "character": len(line.encode("utf-16-le")) // 2}


def offset_of(text: str, position: Mapping[str, int]) -> int:
    """Line and UTF-16 units as an offset in code points, within the line."""
    start = 0
    for _ in range(position["line"]):
        start = text.find("\n", start) + 1
    line = text[start:].partition("\n")[0]
    return start + len(line.encode("utf-16-le")[: 2 * position["character"]].decode("utf-16-le", "ignore"))


def cpu_seconds(process_id: int) -> float:
    """User and system time of a process since it began, where /proc tells it; 0 elsewhere."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

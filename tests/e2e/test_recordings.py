"""Whole sessions of real editors, played to our server: every request is answered and no error shows.

Recorded between the editors and a stand-in server, client side only; `reply` lines answer what our server asks.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from client_text import changed
from raw_client import RawClient
from server_process import Start

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("*.jsonl"))
COMPLETIONS = ("textDocument/inlineCompletion", "textDocument/completion")
METHOD_NOT_FOUND, CANCELLED = -32601, -32800


def read(recording: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in recording.read_text().splitlines()]


def play(client: RawClient, lines: list[dict[str, Any]]) -> None:
    """Send what the editor sent, and answer as it answered."""
    client.replies = {line["reply"]: line["result"] for line in lines if "reply" in line} | {"client/registerCapability": None}
    for message in lines:
        if "method" in message and message["method"] not in ("shutdown", "exit"):
            client.send(message)
            if message["method"] == "initialize":
                assert "result" in client.answer(message["id"])


def texts(lines: list[dict[str, Any]]) -> dict[str, str]:
    """The editor's documents at the end. All of these recordings are ASCII: the encoding does not matter."""
    documents: dict[str, str] = {}
    for message in lines:
        if message.get("method") == "textDocument/didOpen":
            documents[message["params"]["textDocument"]["uri"]] = message["params"]["textDocument"]["text"]
        if message.get("method") == "textDocument/didChange":
            uri = message["params"]["textDocument"]["uri"]
            for change in message["params"]["contentChanges"]:
                documents[uri] = changed(documents[uri], change, "utf-8")
    return documents


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_a_real_editors_session_goes_well(start: Start, recording: Path) -> None:
    lines = read(recording)
    requests = {
        line["id"]: line["method"] for line in lines if "id" in line and line["method"] not in ("initialize", "shutdown")
    }
    cancelled = {line["params"]["id"] for line in lines if line.get("method") == "$/cancelRequest"}
    client = start(says={"re": "turn a + b", "ret": "urn a + b"})
    play(client, lines)

    for request_id, method in requests.items():
        answer = client.answer(request_id)
        if method in COMPLETIONS and "result" in answer:
            assert isinstance(answer["result"]["items"], list)
        elif method == "textDocument/documentSymbol":  # Kate asks for it though it is not offered
            assert answer["error"]["code"] == METHOD_NOT_FOUND
        elif "error" in answer:
            assert (request_id in cancelled, answer["error"]["code"]) == (True, CANCELLED)
    client._last_id = 1_000_000
    for uri, text in texts(lines).items():
        assert client.ask("test/text", {"uri": uri}) == text
    assert client.notifications("window/showMessage") == []
    assert client.leave() == 0
    assert "Traceback" not in client.stderr


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_each_editor_is_shown_something_at_its_pace(start: Start, recording: Path) -> None:
    """As above, but each answer is awaited, as a person would."""
    client = start(says="x = 1")
    shown = 0
    for message in read(recording):
        if "reply" in message:
            client.replies[message["reply"]] = message["result"]
        elif message["method"] not in ("shutdown", "exit"):
            client.send(message)
            if "id" in message:
                result = client.answer(message["id"]).get("result") or {}
                shown += len(result.get("items", []))
            if message["method"] == "textDocument/didOpen":
                client.wait(lambda: "event=loaded" in client.stderr, "model")
    assert shown > 0


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) == 12
